"""The command doctor: what confines submissions here, and whether known submissions score as they must."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from grader import doctor as doctors
from grader import opening, task
from grader import rubric as rubrics
from grader.cli.options import (
    DEFAULT_RUBRIC,
    DeviceOption,
    JsonOption,
    QuietOption,
    RubricOption,
    device_of,
    home_of,
)
from grader.cli.terminal import (
    FAILED,
    answering,
    building,
    print_json,
    shown,
    waiting,
)
from grader.records import Isolation
from grader.report import build, text
from grader.report.schema import Report


def doctor(
    rubric: RubricOption = DEFAULT_RUBRIC,
    device: DeviceOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show what confines submissions on this machine and what is missing, and whether known submissions score as they must.

    Example: grade.py doctor
    Example: grade.py doctor --json
    """
    opening.must_confine()
    rules = rubrics.load(rubric)
    found_device = device_of(device, rules)
    with building(quiet) as progress:
        instance = task.public(rules, rubric.absolute().parent, home_of(rubric), progress)
    with opening.open_bench(rules, [instance], isolation="best", device=found_device, forbidden=(home_of(rubric),)) as bench:
        isolation, environment = bench.sandbox.isolation, bench.environment
        parts = doctors.survey()
        with waiting("scoring the reference", quiet):
            controls = {name: build.report(one, rules, None) for name, one in doctors.controls(bench).items()}
        with waiting("trying the devices", quiet):
            devices = doctors.devices(rules, bench)
    missing = opening.missing_packages(rules)
    sound = doctors.is_sound(controls)
    with answering():
        if as_json:
            print_json(doctors.to_json(isolation, parts, environment, missing, controls, devices))
        else:
            _print_doctor(isolation, parts, environment, missing, controls, devices)
    if not sound:
        raise SystemExit(FAILED)


def _print_doctor(
    isolation: Isolation,
    parts: Sequence[doctors.Part],
    environment: Mapping[str, str],
    missing: Sequence[str],
    controls: Mapping[str, Report],
    devices: doctors.Devices,
) -> None:
    may = "may" if isolation.guards_hidden_data else "may not"
    print(f"isolation  {isolation.level}: {', '.join(isolation.layers) or 'nothing'}")
    print(f"           hidden data {may} be graded here; a run is ended by {doctors.how_a_run_is_ended(isolation, parts)}")
    for layer, why in isolation.missing.items():
        print(f"missing    {layer}: {text.one_line(why, 300)}")
    for attempt in isolation.unforbidden:
        print(f"open       a submission could {text.one_line(attempt, 300)}")
    for part in parts:
        said = part.purpose if part.works else text.one_line(part.problem, 200)
        print(f"{'ok' if part.works else 'missing':10} {part.name}: {said}")
        if not part.works:
            print(f"{'':10} without it: {part.cost}")
    for remedy in dict.fromkeys(part.remedy for part in parts if not part.works):
        print(f"to get     {', '.join(part.name for part in parts if part.remedy == remedy and not part.works)}:")
        print(f"{'':10} {remedy}")
    for name, report in controls.items():
        points = "-" if report.points is None else f"{report.points:.3f}"
        said = f"{report.verdict}, {points} of {report.max_points:g} points {shown(report.message, 300)}"
        print(f"{'scored':10} {name}: {said.rstrip()}")
    if not doctors.is_sound(controls):
        print("broken     the reference must be graded and beat the others, which must be graded with 0 points")
    _print_devices(devices)
    for name, version in environment.items():
        print(f"{name:10} {version}")
    if missing:
        print(f"packages   not installed, though the rubric lists them: {', '.join(missing)} (pip install {' '.join(missing)})")


def _print_devices(devices: doctors.Devices) -> None:
    built = f"built with CUDA {devices.cuda}" if devices.cuda else "built without CUDA"
    print(f"devices    torch {devices.torch}, {built}")
    if not devices.gpus:
        print(f"{'':10} no NVIDIA GPU: {text.one_line(devices.why_none, 200)}; all is done on the CPU")
        return
    print(f"{'':10} driver {devices.driver.get('driver', 'unknown')}, for CUDA up to {devices.driver.get('cuda', 'unknown')}")
    if devices.shares_by_server:
        print(f"{'':10} a Multi-Process Service runs here, which the grader leaves alone; stop it while you grade")
    if devices.why_no_runs:
        print(f"missing    GPU for submissions: {text.one_line(devices.why_no_runs, 300)}; they run on the processor")
        if devices.starts_without:
            print(f"{'':10} CUDA starts without: {', '.join(devices.starts_without)}; please report it")
    for gpu in devices.gpus:
        free = f"{gpu.free_bytes / 2**30:.1f} of {gpu.memory_bytes / 2**30:.1f} GiB free"
        split = ", split by MIG" if gpu.is_split else ""
        did = f"{gpu.teraflops:.1f} TFLOP/s in float64" if gpu.teraflops is not None else ""
        said = text.one_line(gpu.problem, 300) or "computes as the processor does"
        print(f"{'broken' if gpu.problem else 'ok':10} {gpu.device} {gpu.name}: {free}{split}; {did}{', ' if did else ''}{said}")
