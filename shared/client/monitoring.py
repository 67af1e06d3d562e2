"""The service monitoring: send metrics, read findings, usage and risk."""

from __future__ import annotations

from uuid import UUID

from shared.client.transport import Transport
from shared.contracts.http import monitoring as http


class Monitoring:
    """Every writing call takes ``key``, an idempotency key of the caller's own; without it each call is a new one."""

    def __init__(self, transport: Transport) -> None:
        self._to = transport

    async def report(self, pilot_id: UUID, sent: http.ReportSent, *, key: str | None = None) -> http.ReportTaken:
        """Send a report. Raises ``ApiProblem`` 422 with every error located when it cannot count."""
        return await self._to.post(f"/pilots/{pilot_id}/reports", http.ReportTaken, sent, key=key)

    async def report_csv(
        self,
        pilot_id: UUID,
        text: str,
        *,
        source: str | None = None,
        corrects: int | None = None,
        key: str | None = None,
    ) -> http.ReportTaken:
        """Send a report as CSV: ``metric,at,value[,province][,reset]``."""
        return await self._raw(pilot_id, text, http.CSV, source, corrects, key)

    async def report_ndjson(
        self,
        pilot_id: UUID,
        text: str,
        *,
        source: str | None = None,
        corrects: int | None = None,
        key: str | None = None,
    ) -> http.ReportTaken:
        """Send a report as one JSON sample a line."""
        return await self._raw(pilot_id, text, http.NDJSON, source, corrects, key)

    async def _raw(
        self, pilot_id: UUID, text: str, form: str, source: str | None, corrects: int | None, key: str | None
    ) -> http.ReportTaken:
        params = {"source": source, "corrects": corrects}
        path = f"/pilots/{pilot_id}/reports"
        return await self._to.post_raw(path, http.ReportTaken, text.encode(), form, key=key, params=params)

    async def reports(self, pilot_id: UUID, *, cursor: str | None = None) -> http.ReportPage:
        return await self._to.get(f"/pilots/{pilot_id}/reports", http.ReportPage, {"cursor": cursor})

    async def issue_secret(self, pilot_id: UUID, source: str, *, key: str | None = None) -> http.SourceSecret:
        """A new secret for a source's own records; shown once."""
        return await self._to.post(f"/pilots/{pilot_id}/sources/{source}/secret", http.SourceSecret, key=key)

    async def findings_of(self, pilot_id: UUID) -> tuple[http.FindingView, ...]:
        """All findings of a pilot, newest first."""
        return await self._findings(f"/pilots/{pilot_id}/findings")

    async def findings(self) -> tuple[http.FindingView, ...]:
        """All findings of the caller's authority (an auditor: of all), newest first."""
        return await self._findings("/findings")

    async def _findings(self, path: str) -> tuple[http.FindingView, ...]:
        found: list[http.FindingView] = []
        cursor: str | None = None
        while True:
            page = await self._to.get(path, http.FindingPage, {"cursor": cursor})
            found += page.items
            if (cursor := page.next) is None:
                return tuple(found)

    async def usage(self, pilot_id: UUID) -> http.Usage:
        return await self._to.get(f"/pilots/{pilot_id}/usage", http.Usage)

    async def risk(self, pilot_id: UUID) -> http.RiskView:
        return await self._to.get(f"/pilots/{pilot_id}/risk", http.RiskView)

    async def tip(self, sent: http.TipSent, *, key: str | None = None) -> http.TipTaken:
        return await self._to.post("/tips", http.TipTaken, sent, key=key)

    async def refer(self, sent: http.ReferralSent, *, key: str | None = None) -> http.ReferralTaken:
        return await self._to.post("/referrals", http.ReferralTaken, sent, key=key)
