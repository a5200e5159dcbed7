"""The report: true figures, one file that needs nothing else, and legible to its readers."""

from __future__ import annotations

import html
import json
import re
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import matplotlib
import pytest
from matplotlib.figure import Figure

from posture_cam.errors import HistoryError, SourceError
from posture_cam.history import Figures, today
from posture_cam.ids import Measure, NeutralOrigin, State
from posture_cam.measures import load_measures
from posture_cam.outputs.report import Report, page_of, read_result
from posture_cam.outputs.report.charts import Shown, _limits, _minutes
from posture_cam.outputs.report.content import alert_words, cards, past_score, trend_words
from posture_cam.runlog import Sitting, Slot, totals
from posture_cam.session.analysis import AnalysisRequest, analyze
from posture_cam.session.report import ReportRequest, of_days, report
from posture_cam.words import durations_words, words_of
from tests.browser import Browser, browser, needs_browser
from tests.conftest import SAMPLES
from tests.running import run
from tests.sittings import BERLIN, kept_run

GOOD, FAIR, POOR, AWAY, UNJUDGED = State.GOOD, State.FAIR, State.POOR, State.AWAY, State.UNJUDGED
MONDAY = datetime(2026, 11, 23, 9, tzinfo=BERLIN)
HOSTILE = '<img src="https://example.org/x" onerror="pwned=1"><script>pwned=1</script>\'"&\u202eabc\u2066'


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as one:
        yield one


def a_week() -> None:
    """Three days of this week and one of the last."""
    kept_run(MONDAY - timedelta(days=6), [(7200, GOOD), (7200, POOR)])
    kept_run(
        MONDAY,
        [(3600, GOOD), (900, AWAY), (1200, FAIR), (600, POOR)],
        alerts=[(5500.0, 5520.0), (5900.0, None)],
    )
    kept_run(MONDAY + timedelta(days=1), [(1800, GOOD), (600, UNJUDGED), (1800, GOOD)])


# Figures.


def test_the_headline_is_what_was_kept() -> None:
    a_week()
    made = of_days(date(2026, 11, 23), date(2026, 11, 24))
    assert made.title == "23 to 24 November 2026"
    by_label = {card.label: (card.value, card.words) for card in cards(made)}
    assert by_label["In good posture"] == ("2 h 0 min", "80 % of 2 h 30 min judged")
    score = (7200 * 100 + 1200 * 70 + 600 * 30) / 9000
    assert made.sums.score == pytest.approx(score)
    assert by_label["Score"] == ("91 of 100", "26 points above your weeks before (65)")
    assert by_label["Breaks"][0] == "0.4 / h"
    assert by_label["Longest hold"][0] == "1 h 0 min"
    page = page_of(made)
    assert "After 1 of 2 you sat well again" in page
    assert "Paused by you" in page


def test_trend_needs_weeks_worth_comparing() -> None:
    a_week()
    made = of_days(date(2026, 11, 17), date(2026, 11, 17))
    assert trend_words(made) == "no earlier weeks are kept to compare with"
    weeks = [Figures(date(2026, 11, 2), 0.0, 600.0, 10.0), Figures(date(2026, 11, 9), 0.0, 7200.0, 70.0)]
    assert past_score(weeks) == 70.0  # ten minutes are not enough for a week
    assert past_score(weeks[:1]) is None


def test_days_and_weeks_have_their_own_form() -> None:
    for back in range(40):
        kept_run(MONDAY - timedelta(days=back), [(1200, GOOD), (300, POOR)])
    long = page_of(of_days(date(2026, 10, 1), date(2026, 11, 23)))
    assert "Hours judged, by week" in long
    assert "Hours judged, by week" not in page_of(of_days(date(2026, 11, 20), date(2026, 11, 23)))


@pytest.mark.parametrize(
    "stretches",
    [
        [(600.0, AWAY)],
        [(600.0, UNJUDGED)],
        [(3.0, GOOD)],
        [(3.0, AWAY), (70.0, POOR)],
        [(40_000.0, FAIR)],
    ],
)
def test_days_with_little_or_nothing_to_tell_are_told_too(stretches: list[tuple[float, State]]) -> None:
    kept_run(MONDAY, stretches)
    page = page_of(of_days(MONDAY.date(), MONDAY.date()))
    assert "no diagnosis" in page
    assert "nan" not in re.sub(r"<[^>]+>", " ", page).lower().split()


def test_a_sitting_without_any_part_is_a_page() -> None:
    empty = Sitting("nothing", None, None, UTC, 0.0)
    assert "nothing could be judged" in page_of(Report((empty,), totals([empty]), date(2026, 11, 24)))


def test_an_empty_range_says_where_there_is_something() -> None:
    with pytest.raises(HistoryError, match="Nothing is kept in the history yet"):
        of_days(None, None)
    a_week()
    with pytest.raises(HistoryError) as told:
        of_days(date(2026, 1, 1), date(2026, 1, 31))
    assert "from 2026-11-17 to 2026-11-24" in told.value.hint


# A recording.


@pytest.fixture(scope="module")
def result(sample_poses: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("result") / "result.json"
    analyze(AnalysisRequest(sample_poses("desk-monitor"), json=target))
    return target


def test_a_result_is_read_back_as_it_was_written(result: Path) -> None:
    told = json.loads(result.read_text("utf-8"))
    found = read_result(result)
    assert found.sums.score == told["summary"]["score"]
    assert found.sums.judged_s == pytest.approx(told["summary"]["judged_s"])
    assert [span.state.value for span in found.sitting.spans] == [one["state"] for one in told["episodes"]]
    assert found.neutral_s == (told["neutral"]["start_s"], told["neutral"]["end_s"])
    assert found.notes == (words_of(NeutralOrigin.FOUND),)
    slots = found.sitting.slots
    assert [slot.start_s for slot in slots] == [one["start_s"] for one in told["course"]["slots"]]
    worst = {fault.measure: fault.worst for fault in found.sums.faults}
    for fault in found.sitting.faults:  # each stretch has a worst value of its own
        assert abs(fault.worst) <= abs(worst[fault.measure]) + 0.5


def test_pictures_only_where_they_are_asked_for_and_of_the_right_recording(
    result: Path, tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    report(ReportRequest(page, result=result))
    assert "data:image/jpeg" not in page.read_text("utf-8")
    made = report(ReportRequest(page, result=result, frames=SAMPLES / "desk-monitor.mp4"))
    assert len(made.pictures) >= 2
    assert page.read_text("utf-8").count("data:image/jpeg") == len(made.pictures)
    assert all(one.jpeg.startswith(b"\xff\xd8") for one in made.pictures)
    assert any(one.caption.startswith("Head forward, +2") for one in made.pictures)
    with pytest.raises(SourceError, match="does not exist"):
        report(ReportRequest(page, result=result, frames=tmp_path / "missing.mp4"))
    with pytest.raises(SourceError, match="is not the recording"):
        report(ReportRequest(page, result=result, frames=SAMPLES / "desk-side.mp4"))


def test_a_video_is_known_by_its_content(tmp_path: Path) -> None:
    """Another clip of the same size and length is another recording."""
    first, second = tmp_path / "first.mp4", tmp_path / "second.mp4"
    shutil.copy(SAMPLES / "desk-side.mp4", first)
    second.write_bytes(first.read_bytes() + b"another")
    target = tmp_path / "result.json"
    analyze(AnalysisRequest(first, json=target, rate_hz=2.0))
    assert json.loads(target.read_text("utf-8"))["source"]["content"]
    page = tmp_path / "report.html"
    report(ReportRequest(page, result=target, frames=first))
    with pytest.raises(SourceError, match="is not the recording"):
        report(ReportRequest(page, result=target, frames=second))


@pytest.mark.parametrize(
    "content",
    ["", "{}", "[1]", '{"kind": "posture_cam analysis"}', '{"kind": "another"}', "\x00\xff", '{"kind": NaN}'],
)
def test_what_is_no_result_is_said(content: str, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text(content, "utf-8")
    with pytest.raises(SourceError, match="is no result"):
        read_result(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [("duration_s", 1e16), ("duration_s", -1.0), ("good_s", float("inf")), ("score", 101), ("score", -1)],
)
def test_a_result_with_impossible_figures_is_none(
    key: str, value: float, result: Path, tmp_path: Path
) -> None:
    told = json.loads(result.read_text("utf-8"))
    told["summary"][key] = value
    path = tmp_path / "odd.json"
    path.write_text(json.dumps(told), "utf-8")
    with pytest.raises(SourceError, match="is no result"):
        read_result(path)


def test_limits_lie_on_the_side_of_the_fault() -> None:
    no_limit = float("inf")
    trunk = load_measures("estimated")[Measure.TRUNK_INCLINATION_CHANGE]
    assert _limits(trunk) == (-no_limit, -no_limit, 9.0, 19.0)
    assert _limits(load_measures()[Measure.HEAD_DROP]) == (-16.0, -8.0, no_limit, no_limit)
    assert _limits(load_measures()[Measure.SHOULDER_TILT_CHANGE])[0] < 0


def test_a_short_day_shows_its_extremes_and_no_distribution() -> None:
    """Means of a minute hide what happened inside it."""
    kept_run(MONDAY, [(25, GOOD), (20, POOR), (15, GOOD)])
    page = page_of(of_days(MONDAY.date(), MONDAY.date()))
    assert "the lowest and highest value" in page
    assert "+25°" in page
    assert "How the time was spread" not in page
    assert "09:00:25 to 09:00:45" in page
    kept_run(MONDAY + timedelta(days=1), [(3600, GOOD), (600, POOR)])
    page = page_of(of_days(MONDAY.date() + timedelta(days=1), MONDAY.date() + timedelta(days=1)))
    assert "nine tenths of the time" in page
    assert "How the time was spread" in page


def test_lines_break_between_runs_that_overlap() -> None:
    kept_run(MONDAY, [(3600, GOOD)])
    kept_run(MONDAY + timedelta(minutes=20), [(600, POOR)])
    [sitting] = of_days(MONDAY.date(), MONDAY.date()).sittings
    neck = Measure.NECK_INCLINATION_CHANGE

    def drawn(slots: tuple[Slot, ...]) -> list[int]:
        axes = Figure().add_subplot()
        _minutes(axes, replace(sitting, slots=slots), Shown(neck, load_measures()[neck], "#000000"))
        return sorted(len(line.get_xdata()) for line in axes.lines)  # type: ignore[arg-type]

    assert drawn(sitting.slots) == [10, 60]
    assert drawn((*sitting.slots[:20], *sitting.slots[21:])) == [
        10,
        20,
        39,
    ]
    seconds = tuple(
        replace(slot, start_s=float(number), end_s=number + 1.0)
        for number, slot in enumerate(sitting.slots[:60])
    )
    assert drawn((*seconds[:20], *seconds[30:])) == [20, 30]  # away for ten seconds of a recording


def test_pages_are_the_same_from_many_threads() -> None:
    a_week()
    made = of_days(date(2026, 11, 23), date(2026, 11, 24))
    alone = page_of(made)
    with ThreadPoolExecutor(4) as pool:
        pages = list(pool.map(lambda _: page_of(made), range(8)))
    assert set(pages) == {alone}
    assert matplotlib.rcParams["svg.fonttype"] == "path"  # as it was


def test_a_result_of_an_older_version_is_reported_without_its_course(result: Path, tmp_path: Path) -> None:
    old = json.loads(result.read_text("utf-8"))
    del old["course"], old["holds"]
    path = tmp_path / "old.json"
    path.write_text(json.dumps(old), "utf-8")
    page = tmp_path / "report.html"
    report(ReportRequest(page, result=path))
    assert "older posture_cam" in page.read_text("utf-8")


# One file that needs nothing else.


def hostile_page(tmp_path: Path) -> Path:
    kept_run(MONDAY, [(1800, GOOD), (600, POOR)], source=HOSTILE, notes=[HOSTILE], profile="desk")
    target = tmp_path / "report.html"
    report(ReportRequest(target, MONDAY.date(), MONDAY.date(), person=HOSTILE))
    return target


def test_names_from_outside_stay_text(tmp_path: Path) -> None:
    page = hostile_page(tmp_path).read_text("utf-8")
    assert html.escape(HOSTILE, quote=False).replace('"', "&#34;").replace("'", "&#39;") in page
    assert "<img" not in page
    assert "<script" not in page
    assert (
        page.count("\u202e") == 1
    )  # stored names were cleaned; the name given now is contained by its own bdi


def test_it_fetches_nothing_and_is_private(tmp_path: Path) -> None:
    a_week()
    target = tmp_path / "report.html"
    report(ReportRequest(target, date(2026, 11, 23), date(2026, 11, 24)))
    page = target.read_text("utf-8")
    assert re.findall(r'(?:src|href)="(?!#|data:)', page) == []
    assert "url(http" not in page
    assert "@import" not in page
    assert set(re.findall(r'="(https?://[^"]*)"', page)) <= {
        "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
    }  # fmt: skip
    assert " style=" not in page
    assert target.stat().st_mode & 0o077 == 0


def test_ids_are_unique_and_lead_somewhere(tmp_path: Path) -> None:
    a_week()
    page = page_of(of_days(date(2026, 11, 23), date(2026, 11, 24)))
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    used = re.findall(r'url\(#([^)]+)\)|xlink:href="#([^"]+)"|aria-labelledby="([^"]+)"', page)
    assert {name for group in used for names in group if names for name in names.split()} <= set(ids)


# As a reader sees it.


@needs_browser
def test_a_browser_shows_it_without_complaint_in_light_and_dark_and_prints_it(
    chromium: Browser, tmp_path: Path
) -> None:
    page = hostile_page(tmp_path)
    chromium.open(page.as_uri())
    assert chromium.requests() == [page.as_uri()]
    assert chromium.run("return typeof pwned") == "undefined"
    assert chromium.run("return document.querySelectorAll('script, img, link, iframe').length") == 0
    assert HOSTILE in chromium.run("return document.body.textContent")
    for scheme in ("light", "dark"):
        chromium.scheme(scheme)
        for width_px in (390, 1200):
            chromium.resize(width_px)
            count, failing = chromium.low_contrast()
            assert count > 50
            assert failing == [], (scheme, width_px)
            assert chromium.run("return document.documentElement.scrollWidth") <= width_px
    papers = set()
    for scheme in ("light", "dark"):
        chromium.scheme(scheme)
        papers.add(chromium.run("return getComputedStyle(document.body).backgroundColor"))
    assert len(papers) == 2
    printed = chromium.printed()
    assert printed.startswith(b"%PDF")
    width_pt, height_pt = map(float, re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", printed).groups())  # type: ignore[union-attr]
    assert (width_pt, height_pt) == pytest.approx((595, 842), abs=2)
    assert chromium.complaints() == []


@needs_browser
def test_it_can_be_read_without_seeing_it(chromium: Browser, tmp_path: Path) -> None:
    a_week()
    target = tmp_path / "report.html"
    report(ReportRequest(target, date(2026, 11, 23), date(2026, 11, 24)))
    chromium.open(target.as_uri())
    for width_px, shown, hidden in ((1200, "wide", "narrow"), (390, "narrow", "wide")):
        chromium.resize(width_px)
        sizes = {
            name: chromium.run(
                f"return [...document.querySelectorAll('svg.{name}')].map(e => e.getClientRects().length)"
            )
            for name in ("wide", "narrow")
        }
        assert set(sizes[shown]) == {1}
        assert set(sizes[hidden]) == {0}
    assert chromium.run("return document.documentElement.lang") == "en"
    unnamed = (
        "return [...document.querySelectorAll('svg:not([aria-hidden]):not([aria-label])')]"
        ".filter(e => !(e.querySelector('title') && e.querySelector('desc'))).length"
    )
    assert chromium.run(unnamed) == 0
    assert chromium.run("return [...document.querySelectorAll('table')].filter(t => !t.caption).length") == 0
    levels = chromium.run("return [...document.querySelectorAll('h1,h2,h3')].map(h => Number(h.tagName[1]))")
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    sections = chromium.run("return [...document.querySelectorAll('h2')].map(h => h.textContent)")
    assert "At a glance" in sections
    assert "How this was measured, and what was not seen" in sections


def test_the_command_writes_where_it_is_told(tmp_path: Path) -> None:
    a_week()
    done = run("report", "--from", "2026-11-23", "--to", "2026-11-24", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Wrote posture-report.html" in done.stderr
    assert done.stdout == ""
    assert "23 to 24 November 2026" in (tmp_path / "posture-report.html").read_text("utf-8")


def test_the_course_of_a_result_holds_drops_and_lateral_measures(
    sample_poses: Callable[[str], Path], tmp_path: Path
) -> None:
    run("analyze", sample_poses("desk-laptop"), "--json", tmp_path / "a.json")
    result = json.loads((tmp_path / "a.json").read_text("utf-8"))
    told = set().union(*(slot["measures"] for slot in result["course"]["slots"]))
    assert {"ear_drop_cm", "sinking_cm", "shoulder_tilt_change_deg", "head_tilt_change_deg"} <= told
    run("report", "--result", tmp_path / "a.json", "-o", tmp_path / "a.html")
    page = (tmp_path / "a.html").read_text("utf-8")
    for label in ("Drop of the ears from neutral", "Shoulder tilt", "Head tilt"):
        assert f">{label}<" in page


def test_counts_and_answers_come_from_live_runs_only() -> None:
    kept_run(MONDAY, [(600, GOOD), (300, POOR)], alerts=[(640.0, None)])
    kept_run(
        MONDAY.replace(hour=15), [(600, GOOD), (600, POOR)], source="desk.mp4", content="abc",
        alerts=[(610.0 + 10 * number, None) for number in range(5)], is_analysis=True,
    )  # fmt: skip
    made = of_days(MONDAY.date(), MONDAY.date())
    assert alert_words(made).startswith("The monitor spoke up once")
    day = json.loads(run("history", "--day", MONDAY.date().isoformat(), "--json").stdout)["days"][0]
    assert day["alert_count"] == 1
    assert [one["is_live"] for one in day["alerts"]].count(True) == 1


def test_less_than_an_hour_is_not_compared_with_past_weeks() -> None:
    for week in range(1, 4):
        kept_run(MONDAY - timedelta(weeks=week), [(5400, GOOD)])
    kept_run(MONDAY, [(600, POOR)])
    assert "too little to compare" in trend_words(of_days(MONDAY.date(), MONDAY.date()))
    kept_run(MONDAY.replace(hour=15), [(3600, POOR)])
    assert "below your weeks before" in trend_words(of_days(MONDAY.date(), MONDAY.date()))


@needs_browser
def test_tables_fit_a_phone_and_a_sheet_of_paper(tmp_path: Path) -> None:
    a_week()
    run(
        "checkin",
        "--pain",
        "4",
        "--where",
        "neck,lower-back",
        "--difficult",
        "sitting,lifting",
        "--note",
        "w " * 200,
    )
    target = tmp_path / "report.html"
    report(ReportRequest(target, date(2026, 11, 23), today()))
    wide = (
        "return [...document.querySelectorAll('.scroll')]"
        ".filter(e => e.scrollWidth > e.clientWidth + 1).length"
    )
    with browser() as chromium:
        chromium.resize(390)
        chromium.open(target.as_uri())
        assert chromium.run("return document.querySelectorAll('.scroll').length") > 4
        assert chromium.run(wide) == 0
        assert chromium.run("return document.documentElement.scrollWidth") <= 390
        chromium.resize(695)  # A4 within its margins
        chromium.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
        assert chromium.run("return document.documentElement.scrollWidth") <= 695
        assert chromium.run(wide.replace("'.scroll'", "'.scroll, table'")) == 0


def test_a_batch_makes_one_page(result: Path, tmp_path: Path) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    content = json.loads(result.read_text("utf-8"))
    for name in ("first.mp4", "second.mp4"):
        content["source"]["name"] = name
        (folder / f"{name}.json").write_text(json.dumps(content), "utf-8")
    (folder / "other.json").write_text("{}", "utf-8")
    done = run("report", "--result", folder, "-o", tmp_path / "a.html")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "a.html").read_text("utf-8")
    assert "first.mp4" in page
    assert "second.mp4" in page
    assert "other.json" in page  # reported, and left out
    assert run("report", "--result", tmp_path / "home", "-o", tmp_path / "b.html").returncode == 1


def test_a_name_keeps_its_own_full_stop_alone(tmp_path: Path) -> None:
    kept_run(MONDAY, [(600, GOOD), (60, POOR)])
    page = tmp_path / "a.html"
    assert run("report", "--from", "2026-11-23", "--name", "Anna B.", "-o", page).returncode == 0
    assert "Anna B</bdi>. Made on" in page.read_text("utf-8")


def test_durations_side_by_side_are_in_one_unit() -> None:
    for seconds in ([3000.0, 30.0, 0.0], [90.0, 3.0], [4 * 3600.0, 600.0, 30.0]):
        units = {words.split()[-1] for words in durations_words(seconds) if words != "–"}
        assert len(units) == 1, units
