"""The command line: what it prints, how it fails, and that no expected failure is a traceback. The services are answered for here."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from deploy.cli import failing, session, site
from deploy.cli import main as cli
from deploy.local import clockfile, stack
from deploy.local.instance import Instance
from deploy.local.settings import LogLevel
from shared.client import Client
from tests.platform.cli_answers import case_view, pilot_view, register_entry

PILOT = "0198f000-0000-7000-8000-000000000001"
CASE = "0198f000-0000-7000-8000-000000000002"
LETTER = {
    "id": 7, "consumer": "decisions", "state": "poison", "topic": "haukiem.monitoring.v1", "partition": 3, "offset": 12,
    "key": PILOT, "reason": "the headers cannot be read", "set_aside_at": "2026-07-19T16:00:00Z", "attempts": 1,
}  # fmt: skip
ITEM = {
    "item_id": PILOT, "kind": "finding", "subject": "crowd_peak/concurrent", "authority": "prov_79_culture", "state": "open",
    "opened_at": "2026-07-19T23:00:00+07:00",
}  # fmt: skip
ROW = {
    "case_id": CASE, "code": "HS-000001", "pilot_id": PILOT, "pilot_code": "HK-G16-26-000001", "title": "Rent",
    "organisation": "Rent", "sector": "performing_arts", "tier": 2, "pilot_state": "restricted",
    "lead_authority": "prov_79_culture", "state": "open", "opened_at": "2026-07-19T23:00:00+07:00", "items": [ITEM],
    "group": "due_soon", "risk": 1.74,
    "reasons": [{"code": "due_soon", "vi": "Sắp hết hạn", "en": "Due within one working day"}],
}  # fmt: skip

Answers = dict[str, object]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def answers() -> Answers:
    """What the services answer, by "METHOD /path"; anything else is a 404 of theirs."""
    return {}


@pytest.fixture
def asked() -> list[httpx.Request]:
    return []


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    made = Instance("main", tmp_path)
    made.configure(environ={})
    return made


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answers: Answers, asked: list[httpx.Request]) -> None:
    """Every command finds its stack under ``tmp_path`` and its services answered for by ``answers``."""

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        found = answers.get(f"{request.method} {request.url.path}")
        if isinstance(found, Exception):
            raise found
        if callable(found):
            found = found()
        if found is None:
            problem = {"status": 404, "code": "not_found", "detail": "There is no such thing."}
            return httpx.Response(404, json=problem)
        return httpx.Response(200, json=found)

    class Here(Instance):
        def __init__(self, name: str = "main", root: Path = tmp_path) -> None:
            super().__init__(name, root)

        @classmethod
        def current(cls, root: Path = tmp_path) -> Here:
            return cls("main", root)

    def client(*args: object, **more: object) -> Client:
        more["http"] = httpx.AsyncClient(transport=httpx.MockTransport(answer))
        return Client(*args, **more)  # type: ignore[arg-type]

    for module in (site, sys.modules["deploy.cli.clock"], sys.modules["deploy.cli.stack"]):
        monkeypatch.setattr(module, "Instance", Here)
    monkeypatch.setattr(session, "Client", client)


@pytest.fixture
def haukiem(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], services: None) -> Run:
    """Run a command as its entry point does; gives the exit code, standard output and standard error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["haukiem", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        code = ended.value.code
        return code if isinstance(code, int) else int(code is not None), said.out, said.err

    return run


@pytest.mark.parametrize(
    "arguments",
    [
        ("queue",), ("case", CASE), ("pilot", PILOT), ("dead", "list"), ("republish",), ("replay", PILOT), ("status",),
        ("logs",), ("clock", "show"), ("clock", "forward"), ("token", "officer"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_without_a_stack_every_command_says_so(haukiem: Run, arguments: tuple[str, ...]) -> None:
    code, out, err = haukiem(*arguments)
    assert (code, out) == (failing.NOT_RUNNING, "")
    assert err.startswith("There is no stack main yet.")


ELSEWHERE = {
    "HAUKIEM_APPLICATIONS_URL": "https://applications.example",
    "HAUKIEM_MONITORING_URL": "https://monitoring.example",
    "HAUKIEM_DECISIONS_URL": "https://decisions.example",
    "HAUKIEM_TOKEN": "given-by-the-ministry",
}


def test_a_deployment_elsewhere_is_spoken_to_with_the_token_that_is_given(
    haukiem: Run, answers: Answers, asked: list[httpx.Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ELSEWHERE.items():
        monkeypatch.setenv(name, value)
    answers["GET /queue"] = {"rows": [ROW], "total": 1}
    code, out, err = haukiem("queue")
    assert (code, err) == (0, "")
    assert "Rent" in out
    assert [(str(one.url.host), one.headers["Authorization"]) for one in asked] == [
        ("decisions.example", "Bearer given-by-the-ministry")
    ]


@pytest.mark.parametrize(
    ("left_out", "arguments", "says"),
    [
        ("HAUKIEM_MONITORING_URL", ("queue",), "set HAUKIEM_MONITORING_URL too"),
        ("HAUKIEM_TOKEN", ("dead", "list"), "with the role ops into HAUKIEM_TOKEN"),
        ("HAUKIEM_KAFKA", ("replay", "--all"), "set HAUKIEM_KAFKA"),
    ],
)
def test_of_a_deployment_elsewhere_what_is_not_named_is_asked_for(
    haukiem: Run,
    asked: list[httpx.Request],
    monkeypatch: pytest.MonkeyPatch,
    left_out: str,
    arguments: tuple[str, ...],
    says: str,
) -> None:
    for name, value in ELSEWHERE.items():
        if name != left_out:
            monkeypatch.setenv(name, value)
    code, out, err = haukiem(*arguments)
    assert (code, out, asked) == (2, "", [])
    assert says in err


def test_a_stack_whose_issuer_was_given_from_outside_takes_the_token_that_is_given(
    haukiem: Run, instance: Instance, answers: Answers, asked: list[httpx.Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    instance.configure(environ={"HAUKIEM_OIDC_ISSUER": "https://id.example"})
    code, _, err = haukiem("queue")
    assert code == 2
    assert "HAUKIEM_TOKEN" in err
    monkeypatch.setenv("HAUKIEM_TOKEN", "given-by-the-ministry")
    answers["GET /queue"] = {"rows": [], "total": 0}
    assert haukiem("queue")[0] == 0
    assert [one.headers["Authorization"] for one in asked] == ["Bearer given-by-the-ministry"]


def test_a_wrong_setting_is_refused_before_the_last_season_is_gone(
    haukiem: Run, instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAUKIEM_KAFKA", "kafka.example")
    code, _, err = haukiem("demo", "--instance", instance.name)
    assert code == 1
    assert "HAUKIEM_KAFKA" in err
    assert instance.exists


def test_the_demo_does_not_begin_with_an_issuer_that_does_not_know_its_people(
    haukiem: Run, instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAUKIEM_OIDC_ISSUER", "https://id.example")
    code, out, err = haukiem("demo", "--instance", instance.name)
    assert (code, out) == (2, "")
    assert "unset HAUKIEM_OIDC_ISSUER" in err
    assert instance.exists


def test_services_that_are_away_are_named(haukiem: Run, instance: Instance, answers: Answers) -> None:
    answers["GET /queue"] = httpx.ReadError("reset")
    code, _, err = haukiem("queue")
    assert code == failing.NOT_RUNNING
    assert "decisions at http://127.0.0.1:18083 could not be reached" in err


def test_the_queue_says_why_each_case_stands_where_it_stands(
    haukiem: Run, instance: Instance, answers: Answers
) -> None:
    answers["GET /queue"] = {"rows": [ROW], "total": 1}
    code, out, _ = haukiem("queue")
    assert code == 0
    assert "Rent" in out and "Due within one working day" in out
    code, out, _ = haukiem("queue", "--json")
    assert (code, json.loads(out)[0]["reasons"][0]["vi"]) == (0, "Sắp hết hạn")


def test_an_empty_queue_is_said(haukiem: Run, instance: Instance, answers: Answers) -> None:
    answers["GET /queue"] = {"rows": [], "total": 0}
    assert haukiem("queue") == (0, "The queue is empty.\n", "")


def test_a_case_or_pilot_that_does_not_exist_is_one_line(haukiem: Run, instance: Instance, answers: Answers) -> None:
    answers["GET /queue"] = {"rows": [ROW], "total": 1}
    for name in ("HS-999999", "HK-G16-26-999999-C1", CASE):
        code, _, err = haukiem("case", name)
        assert (code, err) == (
            1,
            f"There is no case {name}, and no pilot of that name with one. The queue: haukiem queue\n",
        )
    code, _, err = haukiem("pilot", "HK-G16-26-999999")
    assert (code, err) == (1, "There is no pilot HK-G16-26-999999 in the register.\n")
    code, _, err = haukiem("pilot", PILOT)
    assert (code, err) == (1, "There is no such thing. (not_found, HTTP 404)\n")


def test_a_case_is_found_by_its_code_closed_or_not_and_by_its_pilot_in_capitals_or_not(
    haukiem: Run, instance: Instance, answers: Answers
) -> None:
    ids = {number: f"0198f000-0000-7000-8000-00000000001{number}" for number in (1, 2, 3)}
    listed = [
        {"case_id": ids[number], "code": f"HK-G16-26-000001-C{number}", "pilot_id": PILOT, "state": state,
         "opened_at": "2026-07-19T23:00:00+07:00", "claims": {}}
        for number, state in ((3, "closed"), (2, "open"), (1, "closed"))
    ]  # fmt: skip
    answers |= {
        "GET /cases": {"rows": listed},
        "GET /register/HK-G16-26-000001": register_entry("HK-G16-26-000001"),
        **{f"GET /cases/{ids[number]}": case_view(ids[number], f"HK-G16-26-000001-C{number}") for number in ids},
    }
    for name, number in (
        ("HK-G16-26-000001-C1", 1), ("hk-g16-26-000001-c3", 3), ("HK-G16-26-000001", 2), ("hk-g16-26-000001", 2),
        (PILOT, 2), (ids[3], 3),
    ):  # fmt: skip
        code, out, err = haukiem("case", name)
        assert (code, err) == (0, ""), name
        assert out.startswith(f"HK-G16-26-000001-C{number} · "), name
    assert "haukiem case HK-G16-26-000001-C1 (closed)" in out
    listed.pop(1)
    assert haukiem("case", PILOT)[1].startswith("HK-G16-26-000001-C3 · ")
    answers[f"GET /pilots/{PILOT}"] = pilot_view()
    code, out, _ = haukiem("pilot", "hk-g16-26-000001")
    assert (code, out.startswith("HK-G16-26-000001 · Rent · restricted")) == (0, True)


def test_dead_letters_are_listed_shown_and_sent_again(
    haukiem: Run, instance: Instance, answers: Answers, asked: list[httpx.Request]
) -> None:
    answers |= {"GET /ops/dead": {"items": []}, "GET /ops/dead/7": LETTER, "POST /ops/dead/7/resend": {"id": 7}}
    assert haukiem("dead", "list") == (0, "Nothing was set aside.\n", "")
    answers |= {
        "GET /ops/dead/8": {**LETTER, "id": 8, "headers": [["ce_id", "x"]], "value": '{"tên": 1}', "attempts": 2}
    }
    assert haukiem("dead", "show", "decisions", "7")[:2] == (
        0,
        "decisions 7 · poison\n"
        "  reason     the headers cannot be read\n"
        "  set aside  2026-07-19 23:00 after 1 attempt\n"
        "  place      haukiem.monitoring.v1[3]@12\n"
        f"  key        {PILOT}\n",
    )
    out = haukiem("dead", "show", "decisions", "8")[1]
    assert "after 2 attempts\n" in out
    assert out.endswith('headers\n  ce_id: x\nvalue\n  {\n    "tên": 1\n  }\n')
    assert haukiem("dead", "resend", "decisions", "7")[0] == 0
    assert (asked[-1].url.port, asked[-1].url.path) == (18083, "/ops/dead/7/resend")
    code, _, err = haukiem("dead", "resend", "billing", "7")
    assert (code, "There is no service billing" in err) == (2, True)


def test_what_was_set_aside_is_listed_in_lines_that_stay_whole_in_a_narrow_terminal(
    haukiem: Run, instance: Instance, answers: Answers, asked: list[httpx.Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    answers["GET /ops/dead"] = lambda: {"items": [LETTER] if asked[-1].url.params["after"] == "0" else []}
    code, out, _ = haukiem("dead", "list")
    assert code == 0
    assert out.splitlines()[-4:] == [
        "decisions 7 · poison · set aside 2026-07-19 23:00",
        "   the headers cannot be read",
        f"   haukiem.monitoring.v1[3]@12 · key {PILOT}",
        "   haukiem dead show decisions 7",
    ]


def test_republish_says_how_many_events_go_out_again(haukiem: Run, instance: Instance, answers: Answers) -> None:
    answers["POST /ops/republish"] = {"rows": 3}
    code, out, _ = haukiem("republish", "--json")
    assert (code, json.loads(out)) == (0, {"applications": 3, "monitoring": 3, "decisions": 3})


def test_the_clock_is_set_only_on_an_empty_stack(haukiem: Run, instance: Instance) -> None:
    code, out, _ = haukiem("clock", "set", "2026-07-06T08:00:00+07:00")
    assert (code, "stands at Monday 06 July 2026 08:00:00 (2026-07-06T08:00:00+07:00)" in out) == (0, True)
    assert instance.settings.clock
    assert haukiem("clock", "show", "--json")[1] == '{\n  "now": "2026-07-06T08:00:00+07:00"\n}\n'
    (instance.folder / "kafka" / "broker-1").mkdir(parents=True)
    code, _, err = haukiem("clock", "set", "2026-07-07T08:00:00+07:00")
    assert (code, "only on an empty data directory" in err) == (1, True)


@pytest.mark.parametrize("text", ["tomorrow", "2026-07-06T08:00:00"])
def test_an_instant_needs_its_offset(haukiem: Run, instance: Instance, text: str) -> None:
    code, _, err = haukiem("clock", "set", text)
    assert (code, "2026-07-06T08:00:00+07:00" in err) == (2, True)


@pytest.mark.parametrize("text", ["2026-01-01", "2026-01-01T08:30"])
def test_the_example_for_an_instant_without_its_offset_is_taken(haukiem: Run, instance: Instance, text: str) -> None:
    _, _, err = haukiem("clock", "set", text)
    example = err.strip().rpartition(" ")[2]
    assert example.startswith(text)
    assert haukiem("clock", "set", example)[0] == 0


def test_an_instant_that_no_calendar_has_is_no_traceback(haukiem: Run, instance: Instance) -> None:
    code, _, err = haukiem("clock", "set", "0001-01-01")
    assert (code, err.startswith("'0001-01-01' is no instant.")) == (2, True)


def test_the_clock_does_not_go_back(haukiem: Run, instance: Instance) -> None:
    haukiem("clock", "set", "2026-07-06T08:00:00+07:00")
    code, out, err = haukiem("clock", "forward", "--to", "2026-07-05T08:00:00+07:00")
    assert (code, out) == (1, "")
    assert (
        err == "The clock stands at Monday 06 July 2026 08:00:00 (2026-07-06T08:00:00+07:00) and only goes forward.\n"
    )


@pytest.fixture
def two_with_data(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> tuple[Instance, Instance]:
    demo = Instance("demo", instance.root)
    demo.configure(environ={})
    for one in (instance, demo):
        (one.folder / "postgres" / "data").mkdir(parents=True)
    monkeypatch.setattr(stack, "instances", lambda: [instance, demo])
    return instance, demo


def _at_a_terminal(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    terminal = io.StringIO(answer)
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)


def test_clean_says_what_it_removes_and_asks_before_it_removes_several(
    haukiem: Run, two_with_data: tuple[Instance, Instance], monkeypatch: pytest.MonkeyPatch
) -> None:
    _at_a_terminal(monkeypatch, "n\n")
    code, out, err = haukiem("clean")
    assert code == 1
    assert [f"{one.name}: all data in {one.folder}" in out for one in two_with_data] == [True, True]
    assert "Nothing was removed" in err
    assert all(one.has_data for one in two_with_data)

    _at_a_terminal(monkeypatch, "")
    assert haukiem("clean", "--yes")[0] == 0
    assert not any(one.folder.exists() for one in two_with_data)


def test_clean_of_one_does_not_ask(
    haukiem: Run, two_with_data: tuple[Instance, Instance], monkeypatch: pytest.MonkeyPatch
) -> None:
    _at_a_terminal(monkeypatch, "")
    main, demo = two_with_data
    assert haukiem("clean", "-i", "demo")[0] == 0
    assert (main.has_data, demo.folder.exists()) == (True, False)


def unboxed(text: str) -> str:
    """What is said in a box, as one line."""
    return " ".join(text.replace("│", " ").split())


def test_which_stack_is_meant_is_said_by_each_command(haukiem: Run) -> None:
    meant = {command: unboxed(haukiem(command, "--help")[1]) for command in ("up", "down", "clean", "status")}
    assert "else main." in meant["up"]
    assert "else all of this folder." in meant["down"]
    assert "else all of this folder." in meant["clean"]
    assert "else the one started last." in meant["status"]


def test_a_log_level_that_is_none_is_refused_with_those_that_are(haukiem: Run, instance: Instance) -> None:
    code, _, err = haukiem("up", "--log-level", "LOUD")
    said = unboxed(err)
    assert (code, [level for level in LogLevel if f"'{level}'" not in said.upper()], "LOUD" in said) == (2, [], True)
    assert instance.settings.log_level == "INFO"


def test_a_terminal_without_vietnamese_letters_shows_what_it_can(tmp_path: Path) -> None:
    plain = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "COLUMNS": "80"}
    found = subprocess.run(
        [sys.executable, "-m", "deploy.cli.main", "--help"], env=plain, capture_output=True, check=False
    )
    assert (found.returncode, found.stderr) == (0, b"")
    assert b"H?u Ki?m" in found.stdout


def test_the_clock_goes_forward_to_what_is_due(haukiem: Run, instance: Instance, answers: Answers) -> None:
    start, due = datetime(2026, 7, 6, 1, tzinfo=UTC), datetime(2026, 7, 13, 17, tzinfo=UTC)
    clockfile.set_clock(instance.clock_file, start, empty=True)

    def progress() -> dict[str, object]:
        now = clockfile.read_clock(instance.clock_file)
        ahead = {"next_due": due.isoformat()} if now < due else {}
        return {"service": "applications", "now": now.isoformat(), "swept_until": now.isoformat(), **ahead}

    answers["GET /ops/progress"] = progress
    code, out, _ = haukiem("clock", "forward", "--json")
    assert (code, json.loads(out)) == (0, {"now": "2026-07-14T00:00:00+07:00", "steps": 1})
    code, out, _ = haukiem("clock", "forward", "--to", "2026-07-15T00:00:00+07:00", "--json")
    assert (code, json.loads(out)) == (0, {"now": "2026-07-15T00:00:00+07:00", "steps": 0})


def test_replay_wants_one_decision_or_all(haukiem: Run, instance: Instance) -> None:
    code, _, err = haukiem("replay")
    assert (code, err) == (2, "Name one decision, or say --all.\n")


def test_a_token_is_minted_for_a_role(haukiem: Run, instance: Instance) -> None:
    code, out, _ = haukiem("token", "startup", "--org", "0312345670")
    assert (code, out.count("."), out.endswith("\n")) == (0, 2, True)


def test_an_interrupted_command_says_what_goes_on(haukiem: Run, instance: Instance, answers: Answers) -> None:
    def interrupted() -> object:
        raise KeyboardInterrupt

    answers["GET /queue"] = interrupted
    code, _, err = haukiem("queue")
    assert (code, err) == (130, "Interrupted. What runs goes on in the background: haukiem status, haukiem down\n")
