"""Words for the codes that people meet in a queue, a case or a timeline, in Vietnamese and English.

A code stays what programs read; here is what stands in a sentence in its place. One table for all kinds of codes: where two kinds share
a code (``permit`` is an item, a clock and a decision), they share its word.
"""

from __future__ import annotations

from shared.contracts.messages.text import Text

_WORDS: dict[str, tuple[str, str]] = {
    # Items of a case
    "finding": ("phát hiện", "finding"),
    "standstill": ("thời gian chờ", "standstill"),
    "permit": ("cho phép thử nghiệm", "permit"),
    "measure": ("biện pháp tạm thời", "interim measure"),
    "report": ("báo cáo định kỳ", "periodic report"),
    "final_report": ("báo cáo tổng kết", "final report"),
    "extension": ("gia hạn", "extension"),
    "amendment": ("thay đổi phạm vi", "amendment"),
    "appeal": ("khiếu nại", "appeal"),
    "check": ("kiểm tra", "check"),
    "suspension": ("tạm dừng", "suspension"),
    "referral": ("vụ việc được chuyển đến", "referral"),
    "tip": ("phản ánh của người dân", "tip from the public"),
    # What an item is about
    "restrict_intake": ("hạn chế nhận thêm người", "intake restricted"),
    "confirmed": ("được giữ", "confirmed, to be lifted"),
    "objection": ("cơ quan không đồng ý", "objection"),
    "remedy": ("việc khắc phục", "remedy"),
    "final": ("tổng kết", "final"),
    "missing": ("chưa nộp", "missing"),
    "main": ("nguồn chính", "main source"),
    # Rules
    "cap_warning": ("gần giới hạn", "close to the cap"),
    "cap_exceeded": ("vượt giới hạn", "over the cap"),
    "threshold": ("vượt ngưỡng", "over a threshold"),
    "silence": ("không báo cáo số liệu", "no figures reported"),
    "incident": ("sự cố", "incident"),
    "anomaly": ("số liệu bất thường", "unusual figures"),
    # Windows of a cap
    "total": ("cộng dồn", "in total"),
    "day": ("trong một ngày", "in one day"),
    "concurrent": ("cùng một lúc", "at one time"),
    # Severities and bands of risk
    "info": ("thông tin", "info"),
    "minor": ("nhẹ", "minor"),
    "major": ("nặng", "major"),
    "critical": ("nghiêm trọng", "critical"),
    "low": ("thấp", "low"),
    "medium": ("trung bình", "medium"),
    "high": ("cao", "high"),
    "very_high": ("rất cao", "very high"),
    # States and outcomes
    "pending": ("chờ bắt đầu", "pending"),
    "active": ("đang chạy", "active"),
    "restricted": ("bị hạn chế", "restricted"),
    "suspended": ("bị tạm dừng", "suspended"),
    "winding_down": ("đang thu hẹp", "winding down"),
    "ended": ("đã kết thúc", "ended"),
    "completed": ("hoàn thành", "completed"),
    "terminated": ("bị chấm dứt", "terminated"),
    "withdrawn": ("doanh nghiệp rút", "withdrawn"),
    "expired": ("hết thời hạn", "expired"),
    "refused": ("bị từ chối", "refused"),
    # Clocks
    "supplement_answer": ("thời hạn bổ sung hồ sơ", "time to supplement"),
    "case_critical": ("thời hạn xử lý việc nghiêm trọng", "time to act on a critical matter"),
    "case_major": ("thời hạn xử lý việc nặng", "time to act on a major matter"),
    "case_minor": ("thời hạn xử lý việc nhẹ", "time to act on a minor matter"),
    "measure_confirm": ("thời hạn giữ biện pháp tạm thời", "time to confirm, or it lapses"),
    "reply": ("thời hạn giải trình", "time to reply"),
    "correction": ("thời hạn khắc phục", "time to correct"),
    "takedown": ("thời hạn gỡ bỏ", "time to take down"),
    "remedy_verify": ("thời hạn kiểm tra việc khắc phục", "time to verify the remedy"),
    "opinion": ("thời hạn cho ý kiến", "time for an opinion"),
    "referral_answer": ("thời hạn trả lời nơi chuyển", "time to answer who referred it"),
    "extension_decision": ("thời hạn quyết định gia hạn", "time to decide on the extension"),
    "completion": ("thời hạn quyết định về báo cáo tổng kết", "time to decide on the final report"),
    "periodic_report": ("hạn nộp báo cáo định kỳ", "time to file the periodic report"),
    "snooze_max": ("thời gian tạm gác dài nhất", "longest snooze"),
    "appeal_file_1": ("thời hạn khiếu nại lần đầu", "time to appeal"),
    "appeal_file_2": ("thời hạn khiếu nại lần hai", "time to appeal a second time"),
    "appeal_accept": ("thời hạn thụ lý khiếu nại", "time to accept the appeal"),
    "appeal_resolve_1": ("thời hạn giải quyết khiếu nại lần đầu", "time to resolve the first appeal"),
    "appeal_resolve_2": ("thời hạn giải quyết khiếu nại lần hai", "time to resolve the second appeal"),
    # Why a state changed, an item is resolved, a finding cleared, a measure was lifted
    "measure_taken": ("áp dụng biện pháp tạm thời", "an interim measure was taken"),
    "measure_lifted": ("bỏ biện pháp tạm thời", "the interim measure was lifted"),
    "measure_lapsed": ("biện pháp tạm thời hết hiệu lực", "the interim measure lapsed"),
    "measure_ended": ("biện pháp tạm thời chấm dứt", "the interim measure ended"),
    "suspension_lifted": ("cho hoạt động lại", "the suspension was lifted"),
    "objected": ("cơ quan không đồng ý", "an authority objected"),
    "permitted": ("được cho phép", "it was permitted"),
    "overturned": ("quyết định bị hủy", "a decision was overturned"),
    "decided": ("theo quyết định", "by a decision"),
    "decision": ("theo quyết định", "by a decision"),
    "reviewed": ("đã xem xét", "it was read"),
    "cleared": ("phát hiện đã hết", "the finding cleared"),
    "standstill_over": ("hết thời gian chờ", "the standstill is over"),
    "filed": ("đã nộp", "it was filed"),
    "verified": ("đã kiểm tra", "it was verified"),
    "recovered": ("trở lại bình thường", "back within bounds"),
    "corrected": ("số liệu được đính chính", "the figures were corrected"),
    "adjusted": ("phạm vi được điều chỉnh", "the envelope was adjusted"),
    "not_owed": ("không phải báo cáo", "no report was owed"),
    "proposal_withdrawn": ("đề xuất đã rút", "the proposal was withdrawn"),
    "case_closed": ("vụ việc đã đóng", "the case closed"),
    "judged": ("đã có kết luận", "it was judged"),
    "pilot_ended": ("thử nghiệm kết thúc", "the pilot ended"),
    # Decisions
    "object": ("không đồng ý trong thời gian chờ", "object during the standstill"),
    "refuse": ("từ chối", "refuse"),
    "refuse_extension": ("không gia hạn", "refuse an extension"),
    "continue": ("cho tiếp tục theo dõi", "let it continue"),
    "warn": ("nhắc nhở bằng văn bản", "warn"),
    "order_correction": ("yêu cầu khắc phục", "order a correction"),
    "order_takedown": ("yêu cầu gỡ bỏ", "order a takedown"),
    "adjust": ("điều chỉnh phạm vi", "adjust the envelope"),
    "suspend": ("tạm dừng", "suspend"),
    "lift_suspension": ("cho hoạt động lại", "lift a suspension"),
    "confirm_measure": ("giữ biện pháp tạm thời", "confirm the interim measure"),
    "lift_measure": ("bỏ biện pháp tạm thời", "lift the interim measure"),
    "extend": ("gia hạn", "extend"),
    "terminate": ("chấm dứt thử nghiệm", "terminate"),
    "complete": ("công nhận hoàn thành", "complete"),
    "refuse_completion": ("không công nhận hoàn thành", "refuse completion"),
    "refer_sanction": ("chuyển xử lý vi phạm hành chính", "refer for a sanction"),
    "open_check_onsite": ("kiểm tra trực tiếp", "open an on-site check"),
    "open_check_over_budget": ("kiểm tra ngoài hạn mức", "open a check over the budget"),
    "uphold": ("giữ nguyên quyết định", "uphold"),
    "vary": ("sửa đổi quyết định", "vary"),
    "overturn": ("hủy quyết định", "overturn"),
}

WORDS = {code: Text(vi, en) for code, (vi, en) in _WORDS.items()}


def word(code: str) -> Text:
    """The words of ``code``; a code without any (a metric, an authority, an id) stands for itself."""
    return WORDS.get(code, Text(code, code))


def item_words(kind: str, subject: str, clock: str | None = None) -> Text:
    """An item in words: ``finding``, ``cap_exceeded/revenue_vnd/total`` is "finding: over the cap, revenue_vnd, in total".

    What only repeats the kind is left out, and so is a clock of the same name; else the clock stands behind, in brackets.
    """
    parts = [word(part) for part in subject.split("/") if part not in ("", kind, *kind.split("_"))]
    running = word(clock) if clock not in (None, kind) else None

    def said(language: int) -> str:
        about = f": {', '.join(part[language] for part in parts)}" if parts else ""
        return f"{word(kind)[language]}{about}" + (f" ({running[language]})" if running else "")

    return Text(said(0), said(1))
