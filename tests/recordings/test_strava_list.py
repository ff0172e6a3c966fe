"""activities.csv of Strava's export, in whatever language and of whatever year."""

import csv
import io
from zipfile import ZipFile

import pytest

from recordings.archive import WalkNotes, files_of
from recordings.strava_list import ListRoom, read_list

ENGLISH = (
    "Activity ID,Activity Date,Activity Name,Activity Type,Activity Description,Elapsed Time,"
    "Distance,Max Heart Rate,Relative Effort,Commute,Activity Private Note,Activity Gear,Filename,"
    "Athlete Weight,Bike Weight,Elapsed Time,Moving Time,Distance\n"
    '1001,"May 17, 2026, 6:30:00 AM","Long, slow","Trail Run","Two\nlines",3600,10.01,171,50,false,'
    ",Blue shoes,activities/2001.fit.gz,70,,3600.0,3590.0,10010.5\n"
    '1002,"May 18, 2026, 6:30:00 AM",By hand,Run,,1800,5,,,false,,,,70,,1800.0,1800.0,5000.0\n'
    '1003,"May 19, 2026, 6:30:00 AM",,Quidditch,,1800,5,,,false,,,activities/2003.GPX,70,,1,1,1\n'
)
GERMAN_OF_OLD = (
    "Aktivitäts-ID,Aktivitätsdatum,Name der Aktivität,Aktivitätsart,Beschreibung,Verstrichene Zeit,"
    "Distanz,Relative Leistung,Pendeln,Ausrüstung,Dateiname\n"
    "7,17.05.2026,Früh,Lauf,,3600,10,50,false,Schuhe,activities/7.tcx.gz\n"
    "8,18.05.2026,Berg,Traillauf,steil,3600,10,50,false,,activities/8.gpx\n"
)


def listed(text: str) -> dict:
    return dict(read_list(io.BytesIO(text.encode("utf-8-sig"))))


def test_columns_are_found_by_what_they_hold():
    found = listed(ENGLISH)
    assert set(found) == {"activities/2001.fit.gz", "activities/2003.gpx"}
    run = found["activities/2001.fit.gz"]
    assert (run.strava_id, run.name, run.sport_type) == (1001, "Long, slow", "TrailRun")
    assert (run.description, run.gear) == ("Two\nlines", "Blue shoes")
    odd = found["activities/2003.gpx"]
    assert (odd.name, odd.sport_type, odd.gear) == (None, None, None)


@pytest.mark.parametrize("number", ["9" * 19, "9" * 5000, "-1", "x"])
def test_an_id_that_cannot_be_costs_nothing_else(number):
    [run, _] = listed(ENGLISH.replace("1001", number)).values()
    assert (run.strava_id, run.name) == (None, "Long, slow")


def test_other_languages_and_fewer_columns():
    found = listed(GERMAN_OF_OLD)
    first, second = found["activities/7.tcx.gz"], found["activities/8.gpx"]
    assert (first.name, first.sport_type, first.gear) == ("Früh", "Run", "Schuhe")
    assert (second.sport_type, second.description) == ("TrailRun", "steil")


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_a_list_that_a_spreadsheet_wrote_is_one(delimiter):
    rows = csv.reader(io.StringIO(ENGLISH))
    written = io.StringIO()
    csv.writer(written, delimiter=delimiter).writerows(rows)
    assert listed(written.getvalue()) == listed(ENGLISH)


@pytest.mark.parametrize("header", ["Competition", "Wettkampf", "compétition"])
def test_races_are_found_by_their_header(header):
    text = (
        f"Activity ID,Activity Date,Activity Name,Activity Type,Description,Gear,Filename,With Pet,{header}\n"
        "1,,One,Run,,,activities/1.fit,0.0,1.0\n2,,Two,Run,,,activities/2.fit,1.0,0.0\n"
        "3,,Three,Run,,,activities/3.fit\n"
    )
    assert [each.is_race for each in listed(text).values()] == [True, False, False]
    assert not any(each.is_race for each in listed(ENGLISH).values())


@pytest.mark.parametrize("text", ["", "id,name\n1,x\n", "\x00\x01", '"never closed\n1,2,3'])
def test_what_is_no_list_tells_nothing(text):
    assert listed(text) == {}


def test_a_list_is_known_before_its_files_wherever_it_stands(tmp_path):
    with ZipFile(tmp_path / "export.zip", "w") as archive:
        archive.writestr("export_1/activities/2001.fit.gz", b"a")
        archive.writestr("export_1/activities.csv", ENGLISH)
    notes, seen = WalkNotes(), []
    for name, _ in files_of(tmp_path / "export.zip", notes=notes):
        found = notes.listed(name)
        seen.append((name, found.name if found else None))
    assert seen == [
        ("export.zip/export_1/activities/2001.fit.gz", "Long, slow"),
        ("export.zip/export_1/activities.csv", None),
    ]
    assert notes.files == 2


def test_a_folder_has_a_list_too(tmp_path):
    (tmp_path / "activities").mkdir()
    (tmp_path / "activities" / "7.tcx.gz").write_bytes(b"a")
    (tmp_path / "activities.csv").write_text(GERMAN_OF_OLD)
    notes = WalkNotes()
    found = {
        name: (content, notes.listed(name)) for name, content in files_of(tmp_path, notes=notes)
    }
    assert found["activities/7.tcx.gz"][1].name == "Früh"
    assert "Strava's list" in found["activities.csv"][0].problem


class Endless(io.RawIOBase):
    """Repeats some bytes without an end, as a list does that unpacks to much more than it takes."""

    def __init__(self, repeated: bytes) -> None:
        self._repeated = repeated

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        times = max(1, len(buffer) // len(self._repeated))
        buffer[: times * len(self._repeated)] = self._repeated * times
        return times * len(self._repeated)


@pytest.mark.parametrize("repeated", [b"\x00", b"1,", b'"1\n",'], ids=["line", "fields", "lines"])
def test_a_row_without_an_end_is_no_list(repeated):
    assert read_list(io.BufferedReader(Endless(repeated))) == {}


@pytest.mark.parametrize("room", [{"rows": 1}, {"characters": 60}])
def test_lists_are_cut_where_they_take_too_much_memory(room):
    found = read_list(io.BytesIO(ENGLISH.encode()), ListRoom(**room))
    assert list(found) == ["activities/2001.fit.gz"]
