"""The service decisions: the queue, cases, proposals, decisions, and what the public may read."""

from __future__ import annotations

from uuid import UUID

from shared.client.transport import Params, Transport
from shared.contracts.http import decisions as http


class Decisions:
    """Every writing call takes ``key``, an idempotency key of the caller's own; without it each call is a new one."""

    def __init__(self, transport: Transport) -> None:
        self._to = transport

    async def queue(self, params: Params | None = None) -> http.QueuePage:
        """One page of the ranked queue."""
        return await self._to.get("/queue", http.QueuePage, params)

    async def whole_queue(self) -> tuple[http.QueueRow, ...]:
        """The ranked queue, page after page."""
        rows: list[http.QueueRow] = []
        cursor: str | None = None
        while True:
            page = await self.queue({"cursor": cursor})
            rows += page.rows
            if (cursor := page.next) is None:
                return tuple(rows)

    async def cases_of(self, pilot_id: UUID) -> tuple[http.CaseLine, ...]:
        """All cases about a pilot, closed ones too, newest first."""
        lines: list[http.CaseLine] = []
        cursor: str | None = None
        while True:
            page = await self._to.get("/cases", http.CasePage, {"pilot_id": str(pilot_id), "cursor": cursor})
            lines += page.rows
            if (cursor := page.next) is None:
                return tuple(lines)

    async def case(self, case_id: UUID) -> http.CaseView:
        return await self._to.get(f"/cases/{case_id}", http.CaseView)

    async def claim(self, case_id: UUID, *, key: str | None = None) -> http.CaseView:
        return await self._to.post(f"/cases/{case_id}/claim", http.CaseView, key=key)

    async def release(self, case_id: UUID, *, key: str | None = None) -> http.CaseView:
        return await self._to.post(f"/cases/{case_id}/release", http.CaseView, key=key)

    async def snooze(self, case_id: UUID, sent: http.SnoozeRequest, *, key: str | None = None) -> http.CaseView:
        return await self._to.post(f"/cases/{case_id}/snooze", http.CaseView, sent, key=key)

    async def ask_supplement(self, case_id: UUID, text: str, *, key: str | None = None) -> http.CaseView:
        body = http.SupplementRequest(text=text)
        return await self._to.post(f"/cases/{case_id}/supplement-request", http.CaseView, body, key=key)

    async def propose(self, case_id: UUID, sent: http.ProposalWrite, *, key: str | None = None) -> http.ProposalView:
        """Draft a proposal; :meth:`submit` sends it on its way."""
        return await self._to.post(f"/cases/{case_id}/proposals", http.ProposalView, sent, key=key)

    async def proposal(self, proposal_id: UUID) -> http.ProposalView:
        return await self._to.get(f"/proposals/{proposal_id}", http.ProposalView)

    async def redraft(self, proposal_id: UUID, sent: http.ProposalWrite) -> http.ProposalView:
        return await self._to.put(f"/proposals/{proposal_id}", http.ProposalView, sent)

    async def submit(
        self, proposal_id: UUID, *, together: tuple[UUID, ...] = (), key: str | None = None
    ) -> http.ProposalView:
        """Send it to the enterprise, to the second signer, or into force, whichever comes next."""
        body = http.SubmitRequest(together=together)
        return await self._to.post(f"/proposals/{proposal_id}/submit", http.ProposalView, body, key=key)

    async def sign(self, proposal_id: UUID, *, key: str | None = None) -> http.ProposalView:
        """Sign as the second, which issues it."""
        return await self._to.post(f"/proposals/{proposal_id}/sign", http.ProposalView, key=key)

    async def return_(self, proposal_id: UUID, reason: str, *, key: str | None = None) -> http.ProposalView:
        body = http.ReturnRequest(reason=reason)
        return await self._to.post(f"/proposals/{proposal_id}/return", http.ProposalView, body, key=key)

    async def withdraw(self, proposal_id: UUID, reason: str, *, key: str | None = None) -> http.ProposalView:
        body = http.WithdrawRequest(reason=reason)
        return await self._to.post(f"/proposals/{proposal_id}/withdraw", http.ProposalView, body, key=key)

    async def review(self, case_id: UUID, item_id: UUID, note: str, *, key: str | None = None) -> http.CaseView:
        """Say that a report was read."""
        body = http.ReviewRequest(note=note)
        return await self._to.post(f"/cases/{case_id}/items/{item_id}/review", http.CaseView, body, key=key)

    async def verify_remedy(
        self, decision_id: UUID, note: str, *, done: bool, key: str | None = None
    ) -> http.DecisionView:
        body = http.VerifyRemedyRequest(done=done, note=note)
        return await self._to.post(f"/decisions/{decision_id}/verify-remedy", http.DecisionView, body, key=key)

    async def decision(self, decision_id: UUID) -> http.DecisionView:
        return await self._to.get(f"/decisions/{decision_id}", http.DecisionView)

    async def decisions_of(self, pilot_id: UUID) -> tuple[http.DecisionLine, ...]:
        """All decisions about a pilot, newest first."""
        lines: list[http.DecisionLine] = []
        cursor: str | None = None
        while True:
            page = await self._to.get("/decisions", http.DecisionPage, {"pilot_id": str(pilot_id), "cursor": cursor})
            lines += page.rows
            if (cursor := page.next) is None:
                return tuple(lines)

    async def chain(self, authority: str) -> http.ChainView:
        """The authority's chain of decisions, verified by the service."""
        return await self._to.get(f"/chains/{authority}", http.ChainView)

    async def register(self, params: Params | None = None) -> http.RegisterPage:
        return await self._to.get("/register", http.RegisterPage, params)

    async def register_entry(self, code: str) -> http.RegisterEntry:
        return await self._to.get(f"/register/{code}", http.RegisterEntry)

    async def statistics(self) -> http.Statistics:
        return await self._to.get("/statistics", http.Statistics)
