"""What every writing route is sent when nothing is wrong with it. In the order given, all of them are accepted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tests import applications_kit as kit
from tests.edges.hosting import NOBODY, Caller
from tests.edges.world import NOW, OFFICER, RIVAL, STARTUP, STRANGER, SUPERVISOR, World

_CRITERIA = (
    "creativity", "identity", "uniqueness", "professionalism", "healthiness", "competition", "sustainability",
)  # fmt: skip


@dataclass(frozen=True)
class Form:
    """``path`` names what there is in the world, ``foreign`` somebody of the right role to whom it is not theirs. ``body`` None: the
    route takes none."""

    api: str
    action: str
    path: str
    who: Caller
    body: Mapping[str, Any] | None = None
    foreign: Caller | None = None
    keyed: bool = True
    method: str = "POST"

    @property
    def named(self) -> bool:
        """Whether the path names something by its id."""
        return "{" in self.path

    def url(self, world: World) -> str:
        return self.path.format_map(world.ids)

    def nonsense(self) -> str:
        """The same path with an id that is none."""
        return self.path[: self.path.index("{")] + "not-an-id" + self.path[self.path.index("}") + 1 :]


def forms(world: World) -> list[Form]:
    return [*_applications(world), *_monitoring(world), *_decisions(world)]


def _applications(world: World) -> list[Form]:
    dossier = kit.show(communes=("26734",)).model_dump(mode="json", exclude_none=True)
    plain = kit.dossier().model_dump(mode="json", exclude_none=True)
    check = {name: dossier[name] for name in ("sector", "provinces", "answers", "activities", "held_permits")}
    final = {
        "results": "Kết quả.",
        "criteria": [{"code": code, "score": 4, "evidence": "Đạt."} for code in _CRITERIA],
        "rules_in_the_way": [{"legal_basis": "decree-144-2020", "article": "10", "text": "Cản trở."}],
    }
    incident = {"known_at": NOW.isoformat(), "kind": "Sự cố", "description": "Mô tả."}
    return [
        _startup("file", "/applications", dossier, foreign=False),
        _startup("supplement", "/applications/{incomplete[0]}/supplement", plain),
        _startup("drafts.create", "/drafts", {"content": {"title": "Mới"}}, keyed=False, foreign=False),
        _startup("drafts.save", "/drafts/{draft[0]}", {"content": plain}, keyed=False, method="PUT"),
        _startup("drafts.submit", "/drafts/{draft[0]}/submit", None),
        _startup("drafts.discard", "/drafts/{scrap[0]}", None, keyed=False, method="DELETE"),
        _startup("replies", "/pilots/{running[0]}/replies", {"answers": world.one("answers"), "text": "Trả lời."}),
        _startup("incidents", "/pilots/{running[0]}/incidents", incident),
        _startup("periodic_reports", "/pilots/{quiet[0]}/periodic-reports", {"number": 1, "summary": "Kỳ đầu."}),
        _startup("final_report", "/pilots/{running[0]}/final-report", final),
        _startup("pilots.withdraw", "/pilots/{pending[0]}/withdraw", {"reason": "Thôi."}),
        _startup("withdraw", "/applications/{lacking[0]}/withdraw", {"reason": "Thôi."}, keyed=False),
        Form("applications", "applications.check", "/check", NOBODY, check, keyed=False),
    ]


def _startup(
    action: str,
    path: str,
    body: Mapping[str, Any] | None,
    *,
    keyed: bool = True,
    foreign: bool = True,
    method: str = "POST",
) -> Form:
    return Form(
        "applications", f"applications.{action}", path, STARTUP, body, RIVAL if foreign else None, keyed, method
    )


def _monitoring(world: World) -> list[Form]:
    sample = {"metric": "participants_active", "at": (NOW + timedelta(seconds=2)).isoformat(), "value": "13"}
    report = {"source": "main", "samples": [sample | {"province": "79"}]}
    tip = {"pilot": world.one("pilot"), "text": "Ồn ào."}
    referral = tip | {"title": "Biên bản", "content_sha256": "1" * 64, "timecode": "1:02:03"}
    source = "/pilots/{running[0]}/sources/{source[0]}/secret"
    return [
        Form("monitoring", "monitoring.reports.send", "/pilots/{running[0]}/reports", STARTUP, report, RIVAL),
        Form("monitoring", "monitoring.secret.issue", source, STARTUP, None, RIVAL, keyed=False),
        Form("monitoring", "monitoring.tips.send", "/tips", NOBODY, tip, keyed=False),
        Form("monitoring", "monitoring.referrals.send", "/referrals", STRANGER, referral, keyed=False),
    ]


def _decisions(world: World) -> list[Form]:
    case, decision = "/cases/{case_id[0]}", "/decisions/{decision_id[0]}"
    draft, asked, before_second = (f"/proposals/{{proposal_id[{number}]}}" for number in range(3))
    written = {
        "kind": "warn",
        "items": [world.one("tip_item")],
        "reasons": "Lý do.",
        "public_reasons": "Lý do công khai.",
        "legal_bases": ["decree-144-2020"],
        "evidence": [world.one("evidence", -1)],
        "verdicts": [{"finding_id": world.one("finding_id", 3), "verdict": "confirmed"}],
    }
    until = {"until": (NOW + timedelta(days=1)).isoformat(), "reason": "Chờ."}
    return [
        _officer("cases.claim", f"{case}/claim", None),
        _officer("cases.propose", f"{case}/proposals", written),
        _officer("proposals.edit", draft, written, keyed=False, method="PUT"),
        _officer("proposals.return", f"{before_second}/return", {"reason": "Chưa đủ."}, who=SUPERVISOR),
        _officer("proposals.submit", f"{before_second}/submit", {"together": []}),
        _officer("proposals.sign", f"{before_second}/sign", None, who=SUPERVISOR),
        _officer("proposals.withdraw", f"{asked}/withdraw", {"reason": "Rút."}),
        _officer("decisions.verify_remedy", f"{decision}/verify-remedy", {"done": True, "note": "Đã xong."}),
        _officer(
            "items.review", f"{case}/items/{{report_item[0]}}/review", {"note": "Đã đọc.", "confirmed_findings": 0}
        ),
        _officer("cases.supplement_request", f"{case}/supplement-request", {"text": "Bổ sung."}),
        _officer("cases.snooze", f"{case}/snooze", until),
        _officer("cases.release", f"{case}/release", None),
    ]


def _officer(
    action: str,
    path: str,
    body: Mapping[str, Any] | None,
    *,
    who: Caller = OFFICER,
    keyed: bool = True,
    method: str = "POST",
) -> Form:
    foreign = Caller(who.role, STRANGER.sub, authority=STRANGER.authority)
    return Form("decisions", f"decisions.{action}", path, who, body, foreign, keyed, method)
