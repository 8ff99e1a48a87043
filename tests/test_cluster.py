"""A batch on several real Ray nodes: the table that this machine alone gives, whatever is lost, and nothing to be found there."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Started, grades_in, measurements, rubric_file, run_program
from ray_nodes import Nodes
from test_isolation import where_there_is_no

from grader import parcels, rubric, task
from grader.cluster import difference
from grader.errors import GraderError
from grader.records import Submission, Upload
from grader.seal import Handshake, Seal

WORK = """
import time
import torch

torch.manual_seed({number})

def prune(model):
    time.sleep(1.5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter *= torch.rand_like(parameter) < 0.25
    return model
"""
SECRET_FLOATS = 64  # in a row: what is searched for


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rubric_file(tmp_path_factory.mktemp("rubric"), instances={"hidden": 1})


@pytest.fixture(scope="module")
def handed_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("handed-in")
    for number in range(6):
        (folder / f"work{number}.py").write_text(WORK.format(number=number))
    (folder / "raises.py").write_text("def prune(model):\n    raise ValueError('not today')\n")
    (folder / "broken.py").write_text("def prune(model:\n")
    return folder


@pytest.fixture(scope="module")
def on_this_machine(handed_in: Path, rules: Path, home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """OUT of a batch without Ray."""
    out = tmp_path_factory.mktemp("local")
    done = run_program("batch", handed_in, "-o", out, "--rubric", rules, "--workers", 2, home=home)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture
def out(on_this_machine: Path, tmp_path: Path) -> Path:
    """An OUT in which the reference alone has been graded, to spare its time."""
    folder = tmp_path / "out"
    folder.mkdir()
    shutil.copy(on_this_machine / "ledger.sqlite", folder)
    with sqlite3.connect(folder / "ledger.sqlite") as ledger:
        ledger.execute("DELETE FROM runs WHERE student <> 'reference'")
    ledger.close()
    return folder


@pytest.fixture
def nodes() -> Iterator[Nodes]:
    with Nodes() as opened:
        yield opened


@pytest.fixture
def no_folder_is_left() -> Iterator[None]:
    before = set(Path("/tmp").glob("prunegrade-ray-*"))
    yield
    assert set(Path("/tmp").glob("prunegrade-ray-*")) <= before


def rows(out: Path) -> list[tuple[str, str]]:
    with sqlite3.connect(out / "ledger.sqlite") as ledger:
        found = ledger.execute("SELECT student, instance FROM runs ORDER BY student, instance").fetchall()
    ledger.close()
    return found


# --- what travels -------------------------------------------------------------------------------------------------------


def test_both_ends_of_a_handshake_have_the_same_seal_and_others_have_not() -> None:
    ours, theirs, other = Handshake(), Handshake(), Handshake()
    sealed = ours.agree(theirs.public).close(b"hidden", "job")
    assert b"hidden" not in sealed
    assert theirs.agree(ours.public).open(sealed, "job") == b"hidden"
    for seal in (other.agree(ours.public), other.agree(theirs.public), Seal.of_new_key()[0]):
        with pytest.raises(GraderError, match="damaged or is somebody else's"):
            seal.open(sealed, "job")


def test_what_was_sealed_can_be_neither_changed_nor_taken_for_something_else() -> None:
    seal, _ = Seal.of_new_key()
    sealed = seal.close(b"points", "outcome")
    for wrong, about in ((sealed[:-1], "outcome"), (b"\0" + sealed[1:], "outcome"), (b"", "outcome"), (sealed, "run")):
        with pytest.raises(GraderError):
            seal.open(wrong, about)


def test_a_run_arrives_with_the_same_files_and_without_a_name() -> None:
    files = {"prune.py": b"\xff\x00", "sub/\udc80.bin": b"", "z": b"x" * 1000}
    upload = Upload("ada", "ada.py", "in/ada.py", Path("in/ada.py"), parameters={"eps": 0.1, "epochs": 3})
    parcel = parcels.of_run(upload, Submission("0" * 64, "prune.py", files, ("note",)), "hidden-1")
    arrived, submission, instance = parcels.run_of(parcel)
    assert (dict(submission.files), submission.entry, instance) == (files, "prune.py", "hidden-1")
    assert dict(arrived.parameters) == {"eps": 0.1, "epochs": 3}
    assert b"ada" not in parcel


def test_an_instance_arrives_as_it_was_with_its_digest(home: Path, rules: Path) -> None:
    for sent in task.load(rubric.load(rules), rules.parent, home).instances:
        arrived = task.unpacked(task.packed(sent))
        assert (arrived.name, arrived.digest) == (sent.name, sent.digest)
        assert sent.hidden and arrived.hidden
        assert arrived.hidden.inputs.tobytes() == sent.hidden.inputs.tobytes()
        assert {name: array.tobytes() for name, array in arrived.public_arrays().items()} == {
            name: array.tobytes() for name, array in sent.public_arrays().items()
        }


@pytest.mark.parametrize(("found", "sentence"), [
    ({"torch": "2.13.0", "packages": {"scipy": "1.17"}}, ""),
    ({"torch": "2.12.0", "packages": {"scipy": "1.17"}}, "its torch is 2.12.0, expected 2.13.0"),
    ({"torch": "2.13.0", "packages": {"scipy": None}}, "its scipy is missing, expected 1.17"),
    ({"torch": "2.13.0"}, "its packages is missing, expected {'scipy': '1.17'}"),
])  # fmt: skip
def test_a_node_that_differs_hears_in_what(found: dict[str, object], sentence: str) -> None:
    assert difference(found, {"torch": "2.13.0", "packages": {"scipy": "1.17"}}) == sentence


# --- what is refused ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("arguments", "sentence"), [
    (("--ray", "127.0.0.1:1"), "--ray 127.0.0.1:1: nothing answers there; expected the head of a Ray cluster"),
    (("--ray", "ray://here"), "--ray ray://here: expected HOST:PORT of a Ray cluster's head, auto, or local"),
    (("--ray", "local", "--device", "cuda:1"), "--device cuda:1 names one machine's card; use cuda with --ray"),
])  # fmt: skip
def test_an_address_where_there_is_no_cluster_is_refused(
    arguments: tuple[str, ...], sentence: str, handed_in: Path, rules: Path, home: Path, tmp_path: Path
) -> None:
    done = run_program("batch", handed_in, "-o", tmp_path / "out", "--rubric", rules, *arguments, home=home)
    assert done.returncode == 2
    assert done.stderr.startswith(f"grade.py: {sentence}") and done.stderr.count("\n") == 1


@pytest.mark.parametrize("package", ["ray", "cryptography"])
def test_without_the_extra_one_sentence_says_what_to_install(
    package: str, handed_in: Path, rules: Path, home: Path, tmp_path: Path
) -> None:
    (tmp_path / f"{package}.py").write_text(f"raise ModuleNotFoundError('none here', name={package!r})")
    arguments = ("batch", handed_in, "-o", tmp_path / "out", "--rubric", rules, "--ray", "local")
    done = run_program(*arguments, home=home, env={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 2
    assert done.stderr == f"grade.py: --ray needs the package {package}; install it with: pip install 'prunegrade[cluster]'\n"


# --- the same table -----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_folder_is_left")
def test_a_ray_of_this_machine_gives_the_table_that_it_gives_alone_and_is_gone(
    handed_in: Path, rules: Path, home: Path, out: Path, on_this_machine: Path, tmp_path: Path
) -> None:
    with Started(tmp_path / "run", "batch", handed_in, "-o", out, "--rubric", rules, "--ray", "local", home=home) as batch:
        assert batch.finish(300) == 0, batch.messages
        assert batch.survivors() == []
    assert measurements(grades_in(out)) == measurements(grades_in(on_this_machine))
    assert rows(out) == rows(on_this_machine)
    alone = run_program("batch", handed_in, "-o", out, "--rubric", rules, home=home)
    assert alone.returncode == 0 and grades_in(on_this_machine)["environment"] == grades_in(out)["environment"]


Start = Callable[..., Started]


@pytest.fixture
def start(nodes: Nodes, handed_in: Path, rules: Path, home: Path, out: Path, tmp_path: Path) -> Start:
    def started(*options: object, folder: Path = handed_in) -> Started:
        arguments = ("batch", folder, "-o", out, "--rubric", rules, "--ray", nodes.address, *options)
        return Started(tmp_path / f"run{len(list(tmp_path.glob('run*')))}", *arguments, home=home)

    return started


@pytest.mark.long
def test_a_node_lost_in_mid_batch_costs_nobody_anything(start: Start, nodes: Nodes, out: Path, on_this_machine: Path) -> None:
    doomed = nodes.add(2)
    nodes.add(1)
    with start() as batch:
        batch.wait_for("work", 180)
        nodes.kill(doomed)
        assert batch.finish(300) == 0, batch.messages
    assert re.search(r"is lost \(.*\); its work goes to the other nodes", batch.messages)
    assert measurements(grades_in(out)) == measurements(grades_in(on_this_machine))
    assert rows(out) == rows(on_this_machine)


@pytest.mark.long
@pytest.mark.longest
def test_an_outpost_that_ends_is_replaced_while_its_node_lives(
    start: Start, nodes: Nodes, out: Path, on_this_machine: Path
) -> None:
    nodes.add(2)
    with start() as batch:
        batch.wait_for("work", 180)
        (outpost,) = nodes.outposts()
        os.kill(outpost, signal.SIGKILL)
        assert batch.finish(300) == 0, batch.messages
    assert "is lost" not in batch.messages
    assert measurements(grades_in(out)) == measurements(grades_in(on_this_machine))


@pytest.mark.long
@pytest.mark.longest
def test_a_lost_head_ends_the_batch_with_a_sentence_and_a_rerun_goes_on(
    start: Start, nodes: Nodes, handed_in: Path, rules: Path, home: Path, out: Path, on_this_machine: Path
) -> None:
    nodes.add(1)
    with start() as batch:
        batch.wait_for("work", 180)
        nodes.kill(nodes.head)
        assert batch.finish(120) == 3, batch.messages
    assert re.search(
        r"^grade\.py: .* lost; what was graded is safe, and the same command goes on from there$", batch.messages, re.M
    )
    assert "Traceback" not in batch.messages and 2 < len(rows(out)) < len(rows(on_this_machine))
    assert run_program("batch", handed_in, "-o", out, "--rubric", rules, home=home).returncode == 0
    assert measurements(grades_in(out)) == measurements(grades_in(on_this_machine))


@pytest.mark.long
@pytest.mark.longest
@pytest.mark.usefixtures("no_folder_is_left")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_the_batch_and_a_ray_of_its_own(
    number: signal.Signals, handed_in: Path, rules: Path, home: Path, out: Path, tmp_path: Path
) -> None:
    with Started(tmp_path / "run", "batch", handed_in, "-o", out, "--rubric", rules, "--ray", "local", home=home) as batch:
        batch.wait_for("work", 180)
        batch.send(number)
        assert batch.finish(60) == 128 + number, batch.messages
        assert batch.survivors() == []
    assert batch.messages.endswith("grade.py: stopped; run the same command again to go on\n")
    assert len(rows(out)) > 2


@pytest.mark.long
@pytest.mark.longest
def test_a_node_below_the_level_is_refused_by_name_and_the_rest_goes_on(
    start: Start, nodes: Nodes, out: Path, on_this_machine: Path
) -> None:
    weak = nodes.add(1, before=where_there_is_no("seccomp"))
    with start() as batch:
        assert batch.finish(180) == 2
    refusal = r"\(\S+, \w{8}\)(: | is refused: )no sandbox: isolation is L1, hidden data needs L2 \(seccomp: "
    assert re.search(f"^grade.py: --ray {nodes.address}: no node of the cluster can grade .*{refusal}", batch.messages, re.M)
    assert len(rows(out)) == 2  # the reference's, from before
    nodes.add(1)
    with start() as batch:
        assert batch.finish(300) == 0, batch.messages
    assert re.search(refusal, batch.messages) and weak.poll() is None
    assert measurements(grades_in(out)) == measurements(grades_in(on_this_machine))


# --- what can be found on a node ------------------------------------------------------------------------------------------

HOSTILE = (Path(__file__).parent / "hostile_to_ray.py").read_text()


def attempts(output: str) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in output.splitlines() if line.endswith((": REFUSED", ": SUCCEEDED")))


@pytest.mark.long
@pytest.mark.parametrize("offers", ["", pytest.param("namespaces", marks=pytest.mark.longest)])
def test_a_submission_reaches_nothing_of_ray(offers: str, start: Start, nodes: Nodes, out: Path, tmp_path: Path) -> None:
    nodes.add(1, before=where_there_is_no(offers) if offers else ())
    source = HOSTILE.replace("@SESSION@", str(nodes.sockets()[0].parent.parent)).replace("@ADDRESS@", nodes.address)
    source = source.replace("@RAYLETS@", ",".join(map(str, nodes.raylets())))
    folder = tmp_path / "hostile"
    folder.mkdir()
    (folder / "hostile.py").write_text(source)
    with start(folder=folder) as batch:
        assert batch.finish(300) == 0, batch.messages
    (report,) = grades_in(out)["submissions"]
    assert report["verdict"] == "graded", report["message"]
    free = subprocess.run([sys.executable, folder / "hostile.py"], capture_output=True, text=True, timeout=60).stdout
    assert len(attempts(free)) >= 9
    assert set(attempts(free).values()) == {"SUCCEEDED"}, free  # with no layer in the way
    assert attempts(report["log"]) == dict.fromkeys(attempts(free), "REFUSED")


PUTS = """
import sys, time, ray
ray.init(sys.argv[1], log_to_driver=False)
known = sys.stdin.buffer.read() * 4096
kept = ray.put(known)
print("put", flush=True)
time.sleep(600)
"""


def found_in(nodes: Nodes, needles: list[bytes]) -> int:
    """How many of the needles lie in some object store's memory, or in some file of Ray's."""
    hay = [path for path in nodes.folder.rglob("*") if path.is_file()]
    for raylet in nodes.raylets():
        stores = [fd for fd in Path(f"/proc/{raylet}/fd").iterdir() if "plasma" in os.readlink(fd) and not fd.is_socket()]
        assert stores  # each raylet has its store's memory as an unlinked file
        hay += stores
    found: set[bytes] = set()
    for path in hay:
        content = path.read_bytes()
        found |= {needle for needle in needles if needle in content}
    return len(found)


@pytest.mark.long
def test_no_byte_of_hidden_data_lies_in_an_object_store_or_in_a_file_of_ray(
    start: Start, nodes: Nodes, rules: Path, home: Path
) -> None:
    nodes.add(1)
    secret = (home / "secret").read_text().strip()
    needles = [secret.encode(), bytes.fromhex(secret), b"time.sleep(1.5)"]  # other students' work too
    for instance in task.load(rubric.load(rules), rules.parent, home).instances:
        assert instance.hidden
        flat = instance.hidden.inputs.ravel()
        needles += [flat[place : place + SECRET_FLOATS].tobytes() for place in range(0, flat.size, flat.size // 7)]
    with start() as batch:
        batch.wait_for("work", 180)
        assert found_in(nodes, needles) == 0
        assert batch.process.poll() is None  # it was under way
        command = [sys.executable, "-c", textwrap.dedent(PUTS), nodes.address]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as careless:
            assert careless.stdin and careless.stdout
            careless.stdin.write(b"".join(needles))
            careless.stdin.close()
            assert careless.stdout.readline() == b"put\n"
            assert found_in(nodes, needles) == len(needles)  # the search finds what is there
            careless.kill()
        assert batch.finish(300) == 0
