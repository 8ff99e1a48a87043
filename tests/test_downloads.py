"""Downloads: real archives with the names that Canvas, Moodle and Gradescope write, honest and hostile, packed and unpacked."""

from __future__ import annotations

import io
import os
import stat
import warnings
import zipfile
from pathlib import Path

import pytest

from grader import downloads, intake
from grader.errors import GraderError, SubmissionError, UsageError
from grader.records import Upload

PRUNE = b"def prune(model):\n    return model\n"
OTHER = b"def prune(model):\n    return None\n"
CANVAS = {
    "doejane_12345_67890_prune.py": PRUNE,
    "doejane_12345_67891_weights.npz": b"\0data",
    "müllerjörg_LATE_222_700_hw_3_4_x.py": PRUNE,
    "anon_AbC12_701_prune.ipynb": b"{}",
    "LATE_anon_Zz9_702_prune.py": PRUNE,
    "李明_333_703_prune.zip": b"",
    "roejohn_444_text.html": b"<p>my code</p>",
    "poejim_555_link.html": b"<a href='x'>",
}
METADATA = """---
submission_9:
  :submitters:
  - :name: Ann Lee
    :sid: '0100'
    :email: ann@example.org
  :created_at: 2026-02-17 23:21:04.168553000 Z
  :score: 3.0
  :results:
    output: |
      :submitters: [forged]
      submission_10:
    tests: &1
    - {}
  :history:
  - :created_at: 2026-02-01 00:00:00.000000000 Z
    :submitters: []
submission_10:
  :submitters:
  - :name: Bo
    :sid: '0200'
    :email: bo@example.org
  - :name: Cy
    :sid:
    :email: cy@example.org
  :created_at: !ruby/object:ActiveSupport::TimeWithZone
    utc: 2026-02-18 01:02:03 Z
    zone: !ruby/object:ActiveSupport::TimeZone
      name: Etc/UTC
submission_11:
  :submitters:
  - :name: Dee
    :sid: '0400'
"""
GRADESCOPE = {
    "assignment_1_export/submission_metadata.yml": METADATA.encode(),
    "assignment_1_export/.DS_Store": b"x",
    "assignment_1_export/submission_9/prune.py": PRUNE,
    "assignment_1_export/submission_9/.git/config": b"x",
    "assignment_1_export/submission_10/hw/prune.py": PRUNE,
    "assignment_1_export/submission_10/hw/helper.py": b"x = 1\n",
}
MOODLE = {
    "Jane Doe_678_assignsubmission_file_/prune.py": PRUNE,
    "Jane Doe_678_assignsubmission_file_/lib/helper.py": b"x = 1\n",
    "Jane Doe_678_assignsubmission_onlinetext_/onlinetext.html": b"<p>see file</p>",
    "Jörg Müller_679_assignsubmission_file/main.py": PRUNE,
    "李 明_680_assignsubmission_onlinetext/onlinetext.html": b"<p>def prune</p>",
    "Default team_assignsubmission_file/prune.py": PRUNE,
    "Jane Doe_678_assignfeedback_file_/report.html": b"old",
}


def archive(path: Path, files: dict[str, bytes] | list[tuple[str | zipfile.ZipInfo, bytes]]) -> Path:
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        warnings.simplefilter("ignore")  # of duplicate names, which some archives are about
        for name, data in files.items() if isinstance(files, dict) else files:
            out.writestr(name, data)
    return path


def unpacked(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def handed_in(tmp_path: Path, files: dict[str, bytes], form: str) -> Path:
    return archive(tmp_path / "download.zip", files) if form == "zip" else unpacked(tmp_path / "download", files)


def found(*paths: Path) -> dict[str, Upload]:
    return {upload.student: upload for upload in intake.find(paths)}


def refusal(upload: Upload) -> str:
    with pytest.raises(SubmissionError) as caught:
        intake.read(upload)
    return caught.value.failure.message


# --- Canvas --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["zip", "folder"])
def test_a_canvas_download_is_split_by_user(tmp_path: Path, form: str) -> None:
    uploads = found(handed_in(tmp_path, CANVAS, form))
    assert {student: upload.late for student, upload in uploads.items()} == {
        "doejane_12345": False,
        "mullerjorg_222": True,
        "anon-AbC12": False,
        "anon-Zz9": True,
        "333": False,
        "roejohn_444": False,
        "poejim_555": False,
    }
    assert uploads["mullerjorg_222"].lms_id == "canvas:222" and uploads["anon-Zz9"].person.name == ""
    assert list(intake.read(uploads["mullerjorg_222"]).files) == ["hw_3_4_x.py"]
    assert intake.read(uploads["doejane_12345"]).files == {"prune.py": PRUNE, "weights.npz": b"\0data"}
    assert all(upload.submitted_at is None and upload.attempt is None for upload in uploads.values())


def test_the_zip_and_the_folder_unpacked_from_it_are_the_same_submissions(tmp_path: Path) -> None:
    packed, loose = (found(handed_in(tmp_path, CANVAS, form)) for form in ("zip", "folder"))
    for student in ("doejane_12345", "mullerjorg_222", "anon-Zz9"):
        assert intake.read(packed[student]) == intake.read(loose[student])
        assert intake.digest_of(packed[student]) == intake.read(loose[student]).sha256


def test_a_text_entry_and_a_link_are_called_what_they_are(tmp_path: Path) -> None:
    uploads = found(archive(tmp_path / "c.zip", CANVAS))
    assert "found 'text.html' (a text entry); hand in the file itself" in refusal(uploads["roejohn_444"])
    assert "found 'link.html' (a link)" in refusal(uploads["poejim_555"])
    assert "is empty" in refusal(uploads["333"])


def test_a_file_beats_the_text_entry_beside_it(tmp_path: Path) -> None:
    uploads = found(archive(tmp_path / "c.zip", {"doe_1_text.html": b"x", "doe_1_5_prune.py": PRUNE}))
    assert [part.name for part in uploads["doe_1"].parts] == ["prune.py"]


def test_a_submission_handed_in_again_has_its_own_name_back(tmp_path: Path) -> None:
    files = {"doe_1_50_prune-2.py": PRUNE, "doe_1_51_weights-2.npz": b"\0", "doe_1_52_data-3.npz": b"\0"}
    (upload,) = intake.find([archive(tmp_path / "c.zip", files)])
    assert sorted(intake.read(upload).files) == ["data-3.npz", "prune.py", "weights.npz"]


def test_two_numbered_files_of_one_name_are_the_students_own(tmp_path: Path) -> None:
    files = {"doe_1_50_part-1.py": b"x = 1\n", "doe_1_51_part-2.py": PRUNE}
    (upload,) = intake.find([archive(tmp_path / "c.zip", files)])
    assert sorted(intake.read(upload).files) == ["part-1.py", "part-2.py"]


def test_a_name_that_comes_again_is_a_new_attempt_that_keeps_the_rest(tmp_path: Path) -> None:
    files = {"doe_1_52_prune-1.py": OTHER, "doe_1_50_prune.py": PRUNE, "doe_1_51_helper.py": b"", "roe_2_53_prune.py": PRUNE}
    uploads = found(unpacked(tmp_path / "c", files))
    assert list(uploads) == ["doe_1~1", "doe_1~2", "roe_2"]
    first, second = (intake.read(uploads[f"doe_1~{n}"]).files for n in (1, 2))
    assert (first["prune.py"], second["prune.py"], list(second)) == (PRUNE, OTHER, ["helper.py", "prune.py"])


def test_two_downloads_of_one_assignment_are_attempts_by_canvass_own_count(tmp_path: Path) -> None:
    late = archive(tmp_path / "a.zip", {"doe_LATE_1_90_prune-1.py": OTHER})
    early = archive(tmp_path / "b.zip", {"doe_1_50_prune.py": PRUNE})
    again = archive(tmp_path / "c.zip", {"doe_1_50_prune.py": PRUNE})
    uploads = found(late, early, again)
    assert {name: (upload.sequence, upload.late) for name, upload in uploads.items()} == {
        "doe_1~1": (50, False),
        "doe_1~2": (90, True),
    }


@pytest.mark.parametrize(
    "names",
    [
        ("week7_2026_1_ann.py", "week7_2026_2_bob.py"),  # a scheme of one's own: one "user" for a whole folder
        ("a_2026_01_x.py", "b_2026_02_x.py"),  # Canvas writes no leading zeros
        ("a_1_5_x.py", "b_2_5_x.py"),  # nor one number for two files
        ("a_1_5_x.py", "b_1_6_x.py"),  # nor two names of one user
        ("Ann_1_5_x.py", "Bob_2_6_x.py"),  # and its names are lower case
        ("a_1_5_x.py", "b.py"),
    ],
)
def test_what_only_looks_like_canvas_stays_a_plain_folder(tmp_path: Path, names: tuple[str, ...]) -> None:
    folder = unpacked(tmp_path / "c", dict.fromkeys(names, PRUNE))
    assert list(found(folder)) == sorted(name.removesuffix(".py") for name in names)


def test_an_instructors_notes_beside_a_canvas_folder_are_no_submission(tmp_path: Path) -> None:
    folder = unpacked(tmp_path / "c", {"a_1_5_x.py": PRUNE, "b_2_6_notes.txt": b"x", "roster.csv": b"", ".DS_Store": b""})
    assert list(found(folder)) == ["a_1", "b_2"]


@pytest.mark.parametrize("files", [CANVAS, MOODLE, GRADESCOPE], ids=["canvas", "moodle", "gradescope"])
def test_what_lies_beside_a_download_is_left_out_and_named(tmp_path: Path, files: dict[str, bytes]) -> None:
    students = list(found(unpacked(tmp_path / "d", files)))
    inner = tmp_path / "d" / "assignment_1_export" if files is GRADESCOPE else tmp_path / "d"
    unpacked(inner, {"reports/ledger.sqlite": b"", "notes.txt": b"", ".DS_Store": b""})
    remarks: list[str] = []
    assert [upload.student for upload in intake.find([tmp_path / "d"], remarks)] == students
    assert remarks[-1] == f"{tmp_path / 'd'}: left out, as no submission: notes.txt, reports/ (reports)"


def test_a_name_that_canvas_did_not_write_is_remarked(tmp_path: Path) -> None:
    folder = unpacked(tmp_path / "c", {"a_1_5_x.py": PRUNE, "b_2_6_x.py": PRUNE, "bob.py": PRUNE})
    remarks: list[str] = []
    assert len(intake.find([folder], remarks)) == 3
    assert "2 names are as Canvas writes them, but 'bob.py' is not" in remarks[0]


def test_a_students_own_zip_is_one_submission(tmp_path: Path) -> None:
    path = archive(tmp_path / "ann.zip", {"prune.py": PRUNE, "doe_1_5_x.py": PRUNE})
    assert list(found(path)) == ["ann"]


# --- Moodle --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["zip", "folder"])
def test_a_moodle_download_is_split_by_participant(tmp_path: Path, form: str) -> None:
    uploads = found(handed_in(tmp_path, MOODLE, form))
    assert {name: upload.lms_id for name, upload in uploads.items() if upload.lms_id} == {
        "jane_doe_678": "moodle:678",
        "jorg_muller_679": "moodle:679",
        "680": "moodle:680",
    }
    assert len(uploads) == 4 and any(name.startswith("Default_team-") for name in uploads)
    assert sorted(intake.read(uploads["jane_doe_678"]).files) == ["lib/helper.py", "prune.py"]
    assert uploads["680"].person.name == "李 明"
    assert "onlinetext.html" in refusal(uploads["680"])


def test_moodles_flat_form_is_split_too(tmp_path: Path) -> None:
    files = {f"Jane Doe_678_assignsubmission_file_{name}": PRUNE for name in ("prune.py", "my_helper.py")}
    uploads = found(archive(tmp_path / "m.zip", files | {"Bo_9_assignsubmission_file_x.py": PRUNE}))
    assert sorted(intake.read(uploads["jane_doe_678"]).files) == ["my_helper.py", "prune.py"]
    assert intake.read(uploads["bo_9"]).entry == "x.py"


@pytest.mark.parametrize("word", ["Participant", "Teilnehmerin"])
def test_blind_marking_names_nobody(tmp_path: Path, word: str) -> None:
    files = {f"{word}_{n}_assignsubmission_file/prune.py": PRUNE for n in (12, 13)}
    uploads = found(archive(tmp_path / "m.zip", files))
    assert {name: upload.person.name for name, upload in uploads.items()} == {"participant_12": "", "participant_13": ""}
    assert uploads["participant_12"].person.id == "Participant 12"


def test_the_zip_that_a_student_put_into_moodle_is_opened(tmp_path: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as out:
        out.writestr("hw/prune.py", PRUNE)
    files = {"Bo_9_assignsubmission_file_/hw.zip": inner.getvalue(), "Bo_9_assignsubmission_file_/shot.png": b"x"}
    (upload,) = intake.find([archive(tmp_path / "m.zip", files)])
    assert intake.read(upload).files == {"prune.py": PRUNE}


# --- Gradescope ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["zip", "folder"])
def test_a_gradescope_export_says_who_and_when(tmp_path: Path, form: str) -> None:
    remarks: list[str] = []
    uploads = {upload.student: upload for upload in intake.find([handed_in(tmp_path, GRADESCOPE, form)], remarks)}
    ann, bo, dee = uploads["0100"], uploads["0200"], uploads["0400"]
    (cy,) = (upload for upload in uploads.values() if upload.person.name == "Cy")
    assert (ann.submitted_at, bo.submitted_at) == ("2026-02-17T23:21:04.168553+00:00", "2026-02-18T01:02:03+00:00")
    assert ann.person.email == "ann@example.org" and list(intake.read(ann).files) == ["prune.py"]
    assert intake.read(bo) == intake.read(cy)  # a group: one submission, a row each
    assert "nothing was handed in" in refusal(dee) and "'submission_11' stands in" in remarks[0]


@pytest.mark.parametrize("metadata", [b"\xff", b"[1]", b"a: [", b"a: &a [*a]\nb: !!python/object:os.system x\n- y"])
def test_damaged_metadata_is_named(tmp_path: Path, metadata: bytes) -> None:
    folder = unpacked(tmp_path / "g", {"submission_metadata.yml": metadata, "submission_1/prune.py": PRUNE})
    with pytest.raises(UsageError, match="submission_metadata.yml"):
        intake.find([folder])


def test_a_submission_without_metadata_is_kept_and_remarked(tmp_path: Path) -> None:
    folder = unpacked(tmp_path / "g", {"submission_metadata.yml": b"{}", "submission_1/prune.py": PRUNE})
    remarks: list[str] = []
    assert [upload.student for upload in intake.find([folder], remarks)] == ["submission_1"]
    assert "nobody is named for it" in remarks[0]


def test_no_tag_in_the_metadata_makes_an_object(tmp_path: Path) -> None:
    evil = b"submission_1:\n  :submitters:\n  - :name: !!python/object/apply:os.system ['touch evil']\n    :sid: '7'\n"
    folder = unpacked(tmp_path / "g", {"submission_metadata.yml": evil, "submission_1/prune.py": PRUNE})
    assert list(found(folder)) == ["7"] and not Path("evil").exists()


# --- hostile -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("inner", ["../../evil.py", "/etc/passwd", "a\\b.py", "a//b.py", "./x.py"])
def test_a_path_that_leaves_the_submission_is_refused_for_its_student_alone(tmp_path: Path, inner: str) -> None:
    files = {f"Eve_1_assignsubmission_file_/{inner}": PRUNE, "Bo_2_assignsubmission_file_/prune.py": PRUNE}
    uploads = found(archive(tmp_path / "m.zip", files))
    assert "zip member" in refusal(uploads["eve_1"])
    assert intake.read(uploads["bo_2"]).files == {"prune.py": PRUNE}


def test_two_members_of_one_name_are_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "c.zip", [("eve_1_5_prune.py", PRUNE), ("eve_1_5_prune.py", OTHER), ("bo_2_6_prune.py", PRUNE)])
    uploads = found(path)
    assert "2 files of the name 'prune.py'" in refusal(uploads["eve_1"])
    assert intake.read(uploads["bo_2"]).entry == "prune.py"


def test_a_link_in_a_download_is_not_followed(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("eve_1_5_prune.py")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    assert "is a link" in refusal(found(archive(tmp_path / "c.zip", [(link, b"/etc/passwd")]))["eve_1"])
    folder = unpacked(tmp_path / "f", {"bo_2_6_prune.py": PRUNE})
    os.symlink("/etc/passwd", folder / "eve_1_5_prune.py")
    with pytest.raises(GraderError, match="can't be read"):
        intake.read(found(folder)["eve_1"])


def test_a_bomb_within_a_download_stops_at_the_cap(tmp_path: Path) -> None:
    files = {"eve_1_5_prune.py": bytes(33 << 20), "eve_2_6_a.py": PRUNE, "eve_2_7_b.npz": bytes(33 << 20)}
    uploads = found(archive(tmp_path / "c.zip", files))
    assert "is larger than 32 MiB" in refusal(uploads["eve_1"])
    assert "'b.npz' is larger than 32 MiB" in refusal(uploads["eve_2"])


def test_a_hundred_thousand_members_are_one_students_trouble(tmp_path: Path) -> None:
    files: list[tuple[str | zipfile.ZipInfo, bytes]] = [(f"Eve_1_assignsubmission_file_/{n}", b"") for n in range(20_000)]
    files.append(("Bo_2_assignsubmission_file_/prune.py", PRUNE))
    uploads = found(archive(tmp_path / "m.zip", files))
    assert "more" in refusal(uploads["eve_1"])
    assert intake.read(uploads["bo_2"]).entry == "prune.py"


def test_a_zip_with_an_endless_list_of_members_is_no_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = archive(tmp_path / "c.zip", {"doe_1_5_prune.py": PRUNE})
    monkeypatch.setattr(downloads, "MAX_DIRECTORY_BYTES", 10)
    assert list(found(path)) == ["c"]


@pytest.mark.parametrize("keep", [0, 30, 200, -1])
def test_a_cut_download_is_read_as_a_submission_and_says_so(tmp_path: Path, keep: int) -> None:
    path = archive(tmp_path / "c.zip", CANVAS)
    path.write_bytes(path.read_bytes()[:keep])
    (upload,) = intake.find([path])
    assert "c.zip" in refusal(upload)


def test_a_damaged_member_is_nobodys_zero(tmp_path: Path) -> None:
    path = archive(tmp_path / "c.zip", {"doe_1_5_prune.py": PRUNE * 50})
    data = bytearray(path.read_bytes())
    data[60] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(GraderError, match="the download is damaged"):
        intake.read(found(path)["doe_1"])


def test_the_same_download_given_twice_is_one(tmp_path: Path) -> None:
    path = archive(tmp_path / "g.zip", GRADESCOPE)
    assert list(found(path, path)) == list(found(path))
