"""The service applications: file, follow and run a pilot."""

from __future__ import annotations

from uuid import UUID

from shared.client.transport import Transport
from shared.contracts.http import advice
from shared.contracts.http import applications as http
from shared.contracts.pilot import Dossier


class Applications:
    """Every writing call takes ``key``, an idempotency key of the caller's own; without it each call is a new one."""

    def __init__(self, transport: Transport) -> None:
        self._to = transport

    async def file(self, dossier: Dossier, *, key: str | None = None) -> http.Filed:
        """File a full dossier and have it checked at once."""
        return await self._to.post("/applications", http.Filed, dossier, key=key)

    async def create_draft(self, draft: http.DraftSent) -> http.DraftView:
        """Begin a draft. Sent again only when it never arrived: two drafts would be two."""
        return http.DraftView.model_validate(await self._to.post_json("/drafts", draft))

    async def save_draft(self, draft_id: UUID, draft: http.DraftSent) -> http.DraftView:
        return await self._to.put(f"/drafts/{draft_id}", http.DraftView, draft)

    async def draft(self, draft_id: UUID) -> http.DraftView:
        return await self._to.get(f"/drafts/{draft_id}", http.DraftView)

    async def discard_draft(self, draft_id: UUID) -> http.DraftView:
        """Throw a draft away; what it said is the answer. Sent again only when it never arrived: gone twice is not found."""
        return await self._to.delete(f"/drafts/{draft_id}", http.DraftView)

    async def submit_draft(self, draft_id: UUID, *, key: str | None = None) -> http.Filed:
        return await self._to.post(f"/drafts/{draft_id}/submit", http.Filed, key=key)

    async def supplement(self, application_id: UUID, dossier: Dossier, *, key: str | None = None) -> http.Filed:
        """Answer a supplement request with the full dossier again."""
        return await self._to.post(f"/applications/{application_id}/supplement", http.Filed, dossier, key=key)

    async def withdraw_application(
        self, application_id: UUID, reason: str, *, key: str | None = None
    ) -> http.Withdrawn:
        body = http.WithdrawalSent(reason=reason)
        return await self._to.post(f"/applications/{application_id}/withdraw", http.Withdrawn, body, key=key)

    async def applications(self, *, cursor: str | None = None, limit: int | None = None) -> http.ApplicationPage:
        return await self._to.get("/applications", http.ApplicationPage, {"cursor": cursor, "limit": limit})

    async def application(self, application_id: UUID) -> http.ApplicationView:
        return await self._to.get(f"/applications/{application_id}", http.ApplicationView)

    async def pilots(self, *, cursor: str | None = None, limit: int | None = None) -> http.PilotPage:
        return await self._to.get("/pilots", http.PilotPage, {"cursor": cursor, "limit": limit})

    async def all_pilots(self) -> tuple[http.PilotRow, ...]:
        """Every pilot that the caller may see, page after page."""
        rows: list[http.PilotRow] = []
        cursor: str | None = None
        while True:
            page = await self.pilots(cursor=cursor)
            rows += page.items
            if (cursor := page.next) is None:
                return tuple(rows)

    async def pilot(self, pilot_id: UUID) -> http.PilotView:
        return await self._to.get(f"/pilots/{pilot_id}", http.PilotView)

    async def history(self, pilot_id: UUID) -> tuple[http.HistoryEntry, ...]:
        """Every fact of the pilot as published, oldest first, page after page."""
        entries: list[http.HistoryEntry] = []
        cursor: str | None = None
        while True:
            page = await self._to.get(f"/pilots/{pilot_id}/history", http.History, {"cursor": cursor})
            entries += page.items
            if (cursor := page.next) is None:
                return tuple(entries)

    async def withdraw(self, pilot_id: UUID, reason: str, *, key: str | None = None) -> http.Withdrawn:
        body = http.WithdrawalSent(reason=reason)
        return await self._to.post(f"/pilots/{pilot_id}/withdraw", http.Withdrawn, body, key=key)

    async def reply(self, pilot_id: UUID, answers: UUID, text: str, *, key: str | None = None) -> http.ReplyTaken:
        body = http.ReplySent(answers=answers, text=text)
        return await self._to.post(f"/pilots/{pilot_id}/replies", http.ReplyTaken, body, key=key)

    async def incident(self, pilot_id: UUID, sent: http.IncidentSent, *, key: str | None = None) -> http.IncidentTaken:
        return await self._to.post(f"/pilots/{pilot_id}/incidents", http.IncidentTaken, sent, key=key)

    async def periodic_report(
        self, pilot_id: UUID, sent: http.PeriodicReportSent, *, key: str | None = None
    ) -> http.PeriodicReportTaken:
        return await self._to.post(f"/pilots/{pilot_id}/periodic-reports", http.PeriodicReportTaken, sent, key=key)

    async def final_report(
        self, pilot_id: UUID, sent: http.FinalReportSent, *, key: str | None = None
    ) -> http.FinalReportTaken:
        return await self._to.post(f"/pilots/{pilot_id}/final-report", http.FinalReportTaken, sent, key=key)

    async def check(self, sent: advice.CheckSent) -> advice.CheckAnswer:
        """Does this apply to me? Nothing is kept."""
        return await self._to.post("/check", advice.CheckAnswer, sent)

    async def reference(self) -> advice.ReferenceView:
        return await self._to.get("/reference", advice.ReferenceView)
