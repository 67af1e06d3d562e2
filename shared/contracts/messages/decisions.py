"""Texts of the service decisions."""

TEXTS: dict[str, tuple[str, str]] = {
    # Cases
    "case_closed": ("Vụ việc này đã đóng.", "This case is closed."),
    "claimed_by_another": (
        "Vụ việc đang do {holder} thụ lý; chỉ lãnh đạo mới được nhận thay.",
        "The case is claimed by {holder}; only a supervisor may take it over.",
    ),
    "not_claimed": (
        "Cơ quan của bạn chưa nhận thụ lý vụ việc này.",
        "Nobody of your authority has claimed this case.",
    ),
    "no_part_in_case": (
        "Cơ quan {authority} không có phần việc trong vụ việc này.",
        "The authority {authority} has no part in this case.",
    ),
    "not_the_lead_authority": (
        "Chỉ cơ quan chủ trì ({authority}) được làm việc này.",
        "Only the lead authority ({authority}) may do this.",
    ),
    "snooze_past": ("Thời điểm tạm gác phải ở tương lai.", "A case is snoozed until a time that lies ahead."),
    "snooze_too_long": ("Chỉ được tạm gác đến {until}.", "A case may be snoozed until {until} at most."),
    "snooze_hides_clock": (
        "Có thời hạn kết thúc lúc {due}, sớm hơn thời điểm tạm gác.",
        "A clock runs out at {due}, before the snooze would end.",
    ),
    "supplement_asked": (
        "Đã yêu cầu bổ sung đủ số lần cho phép trong vụ việc này ({max}).",
        "A supplement was asked for as often as a case allows ({max}).",
    ),
    # Items
    "item_unknown": ("Vụ việc không có mục {item_id}.", "The case has no item {item_id}."),
    "item_resolved": ("Mục {item_id} đã được giải quyết.", "The item {item_id} is resolved."),
    "item_not_resolved_by": (
        "Quyết định loại {kind} không giải quyết mục loại {item}.",
        "A decision of the kind {kind} does not resolve an item of the kind {item}.",
    ),
    "item_of_other_authority": (
        "Mục này thuộc thẩm quyền của {authority}.",
        "This item lies with the authority {authority}.",
    ),
    "item_not_a_report": ("Mục loại {kind} không phải báo cáo.", "An item of the kind {kind} is not a report."),
    "report_not_filed": ("Báo cáo {subject} chưa được nộp.", "The report {subject} has not been filed."),
    "one_item_only": (
        "Quyết định loại {kind} chỉ giải quyết đúng một mục.",
        "A decision of the kind {kind} resolves exactly one item.",
    ),
    # Proposals
    "kind_unknown": ("Không có loại quyết định {kind}.", "There is no kind of decision {kind}."),
    "kind_not_offered": ("Chưa thể đề xuất loại quyết định {kind}.", "The kind {kind} cannot be proposed yet."),
    "follows_from_item": (
        "Trường {field} được xác định theo mục được nêu và không khớp với mục đó.",
        "The field {field} follows from the item, and does not agree with it.",
    ),
    "pilot_ended": (
        "Thử nghiệm đã kết thúc; không thể thực hiện {kind}.",
        "The pilot has ended; {kind} is not possible any more.",
    ),
    "pilot_state": (
        "Không thể thực hiện {kind} khi thử nghiệm ở trạng thái {state}.",
        "{kind} has no effect on a pilot that is {state}.",
    ),
    "standstill_over": (
        "Thời gian chờ đã hết lúc {due}; không còn được phản đối.",
        "The standstill ended at {due}; an objection no longer counts.",
    ),
    "measure_lapsed": (
        "Biện pháp tạm thời đã hết hiệu lực lúc {due} vì không được xác nhận.",
        "The interim measure lapsed at {due} because nobody had confirmed it.",
    ),
    "measure_already_confirmed": ("Biện pháp này đã được xác nhận.", "This measure is confirmed already."),
    "measure_not_in_force": (
        "Biện pháp không còn hiệu lực (trạng thái {state}).",
        "The measure is no longer in force ({state}).",
    ),
    "final_report_missing": ("Chưa có báo cáo tổng kết để quyết định.", "There is no final report to decide upon."),
    "verdict_missing": (
        "Còn {count} phát hiện chưa có kết luận (xác nhận hoặc bác bỏ).",
        "{count} finding(s) have no verdict (confirmed or rejected).",
    ),
    "verdict_foreign": (
        "Phát hiện {finding_id} không thuộc mục nào của đề xuất.",
        "The finding {finding_id} is not what an item of this proposal is about.",
    ),
    "verdict_twice": ("Một phát hiện có hai kết luận.", "A finding has two verdicts."),
    "verdict_contradicts": (
        "Quyết định loại {kind} cần ít nhất một phát hiện được xác nhận.",
        "A decision of the kind {kind} needs at least one confirmed finding.",
    ),
    "verdict_not_confirmable": (
        "Quyết định loại {kind} không cần chứng cứ nên không xác nhận phát hiện nào, chỉ có thể bác bỏ.",
        "A decision of the kind {kind} takes no evidence, so it confirms no finding; it may reject it.",
    ),
    "verdict_without_evidence": (
        "Không xác nhận được phát hiện {finding_id}: chưa gắn chứng cứ nào về phát hiện đó.",
        "The finding {finding_id} cannot be confirmed: none of the bound evidence tells of it.",
    ),
    "legal_basis_unknown": (
        "Căn cứ {legal_basis} không nằm trong các căn cứ áp dụng cho thử nghiệm này. Viện dẫn được: {known}.",
        "{legal_basis} is not among the legal bases that bind this pilot. It may cite: {known}.",
    ),
    "legal_basis_not_in_force": ("Văn bản {number} không có hiệu lực.", "The act {number} is not in force."),
    "evidence_required": (
        "Quyết định loại {kind} phải có chứng cứ.",
        "A decision of the kind {kind} must be bound to evidence.",
    ),
    "evidence_unknown": (
        "Sự kiện {event_id} không phải dữ kiện của thử nghiệm này.",
        "The event {event_id} is not a fact of this pilot.",
    ),
    "evidence_not_allowed": (
        "Sự kiện loại {kind} không bao giờ là chứng cứ.",
        "An event of the kind {kind} is never evidence.",
    ),
    "evidence_changed": (
        "Chứng cứ {event_id} không còn đúng như khi được gắn vào đề xuất.",
        "The evidence {event_id} is not what was bound to the proposal.",
    ),
    "caps_required": ("Điều chỉnh phải nêu giới hạn mới.", "An adjustment names the caps that it changes."),
    "caps_not_expected": (
        "Quyết định loại {kind} không thay đổi giới hạn.",
        "A decision of the kind {kind} changes no cap.",
    ),
    "cap_metric_unknown": (
        "Chỉ số {metric} không thể có giới hạn trong lĩnh vực này.",
        "The metric {metric} cannot be capped in this sector.",
    ),
    "cap_window_unfit": (
        "Chỉ số {metric} không đo theo khung {window}.",
        "The metric {metric} is not limited by the window {window}.",
    ),
    "cap_source_undeclared": (
        "Nguồn số liệu {source} chưa được khai trong phạm vi thử nghiệm; các nguồn đã khai: {declared}.",
        "The source {source} is not declared in the envelope; declared are: {declared}.",
    ),
    "cap_changed_twice": ("Giới hạn {cap} được nêu hai lần.", "The cap {cap} is named twice."),
    "remedy_required": (
        "Quyết định loại {kind} phải nêu việc cần khắc phục.",
        "A decision of the kind {kind} says what is to be remedied.",
    ),
    "remedy_not_expected": (
        "Quyết định loại {kind} không kèm việc khắc phục.",
        "A decision of the kind {kind} orders no remedy.",
    ),
    "proposal_not_editable": (
        "Đề xuất ở trạng thái {state} không sửa được.",
        "A proposal that is {state} cannot be changed.",
    ),
    "proposal_not_to_submit": (
        "Đề xuất ở trạng thái {state} không trình tiếp được.",
        "A proposal that is {state} cannot be submitted on.",
    ),
    "proposal_closed": ("Đề xuất đã khép lại ({state}).", "The proposal is closed ({state})."),
    "proposal_of_other_authority": (
        "Đề xuất thuộc cơ quan {authority}.",
        "The proposal is one of the authority {authority}.",
    ),
    "not_the_proposer": (
        "Chỉ người soạn ({proposer}) được làm việc này với đề xuất.",
        "Only the one who drafted it ({proposer}) may do this with the proposal.",
    ),
    "together_unknown": (
        "Vụ việc không có đề xuất {proposal_id}.",
        "The case has no proposal {proposal_id}.",
    ),
    "together_twice": (
        "Một đề xuất được nêu hai lần trong cùng lần trình.",
        "A proposal is named twice in one submission.",
    ),
    "together_same_item": (
        "Hai đề xuất trình cùng nhau không được giải quyết cùng một mục.",
        "Two proposals that are issued together cannot resolve the same item.",
    ),
    "proposal_not_awaiting_second": (
        "Đề xuất không chờ chữ ký thứ hai (trạng thái {state}).",
        "The proposal does not wait for a second signature ({state}).",
    ),
    "second_signer_drafted": (
        "Người soạn đề xuất không được ký thứ hai.",
        "Who drafted a proposal cannot sign it second.",
    ),
    "second_signer_of_other_authority": (
        "Người ký thứ hai phải thuộc cùng cơ quan {authority}.",
        "The second signer must be of the same authority, {authority}.",
    ),
    "second_signer_not_supervisor": (
        "Quyết định loại {kind} phải do lãnh đạo ký thứ hai.",
        "A decision of the kind {kind} is signed second by a supervisor.",
    ),
    # Remedies
    "remedy_verified": ("Việc khắc phục đã được kiểm tra ({state}).", "The remedy was verified already ({state})."),
    "remedy_not_due": (
        "Chưa thể kết luận chưa khắc phục trước thời hạn {due}.",
        "Before {due} it cannot be said that the remedy was not done.",
    ),
    # Reading
    "cursor_invalid": ("Con trỏ trang không hợp lệ.", "The page cursor is not valid."),
    # Ranks
    "rank_overdue": (
        "Quá hạn từ {due}: {item}.",
        "Overdue since {due}: {item}.",
    ),
    "rank_due_soon": (
        "Đến hạn trong một ngày làm việc, lúc {due}: {item}.",
        "Due within one working day, at {due}: {item}.",
    ),
    "rank_due": (
        "Thời hạn gần nhất {due}: {item}.",
        "Due first, at {due}: {item}.",
    ),
    "rank_provisional": (
        "Thời hạn dựa trên ngày nghỉ chưa được công bố chính thức (lịch {calendar}).",
        "The limit rests on days that no act has confirmed yet (calendar {calendar}).",
    ),
    "rank_snoozed": ("Tạm gác đến {until}: {reason}.", "Snoozed until {until}: {reason}."),
    "rank_awaiting_reply": ("Đang chờ giải trình của doanh nghiệp.", "Waits for the enterprise's reply."),
    "rank_awaiting_supplement": ("Đang chờ doanh nghiệp bổ sung.", "Waits for the enterprise's supplement."),
    "rank_awaiting_second_signer": ("Đang chờ chữ ký thứ hai.", "Waits for the second signature."),
    "rank_risk": ("Rủi ro {score} ({band}).", "Risk {score} ({band})."),
    "rank_risk_unknown": ("Chưa có đánh giá rủi ro.", "Risk has not been assessed yet."),
    "rank_severity": ("Mức độ nghiêm trọng nhất: {severity}.", "Gravest severity: {severity}."),
    # Facts
    "told_application_submitted": ("Hồ sơ {code} được nộp.", "The dossier {code} was filed."),
    "told_supplement_requested": ("Yêu cầu bổ sung hồ sơ.", "A supplement to the dossier was asked for."),
    "told_supplement_filed": ("Doanh nghiệp đã bổ sung hồ sơ.", "The dossier was supplemented."),
    "told_pilot_registered": ("Thử nghiệm được ghi nhận.", "The pilot was registered."),
    "told_pilot_started": ("Thử nghiệm bắt đầu.", "The pilot started."),
    "told_pilot_state_changed": (
        "Trạng thái chuyển từ {state_before} sang {state_after} ({reason}).",
        "The state went from {state_before} to {state_after} ({reason}).",
    ),
    "told_pilot_amended": ("Phạm vi có phiên bản mới.", "A new version of the envelope is in force."),
    "told_pilot_winding_down": ("Bắt đầu giai đoạn kết thúc ({cause}).", "Winding down began ({cause})."),
    "told_pilot_ended": ("Thử nghiệm kết thúc ({outcome}).", "The pilot ended ({outcome})."),
    "told_reply_filed": ("Doanh nghiệp giải trình.", "The enterprise replied."),
    "told_periodic_report_filed": ("Báo cáo định kỳ số {number} được nộp.", "Periodic report {number} was filed."),
    "told_final_report_filed": ("Báo cáo tổng kết được nộp.", "The final report was filed."),
    "told_incident_reported": ("Doanh nghiệp báo cáo sự cố: {kind}.", "The enterprise reported an incident: {kind}."),
    "told_decision_applied": ("Quyết định có hiệu lực: {kind}.", "The decision took effect: {kind}."),
    "told_decision_not_applied": (
        "Quyết định không có tác dụng ({kind}): {why}.",
        "The decision was without effect ({kind}): {why}.",
    ),
    "told_finding_opened": (
        "Phát hiện mức {severity}: {rule}, {subject}.",
        "Finding, {severity}: {rule}, {subject}.",
    ),
    "told_finding_escalated": (
        "Phát hiện tăng lên mức {severity}: {rule}, {subject}.",
        "Finding escalated to {severity}: {rule}, {subject}.",
    ),
    "told_finding_cleared": (
        "Phát hiện tự hết: {rule}, {subject} ({reason}).",
        "Finding cleared: {rule}, {subject} ({reason}).",
    ),
    "told_measure_taken": ("Áp dụng biện pháp tạm thời: {kind}.", "An interim measure was taken: {kind}."),
    "told_metrics_report_rejected": ("Một báo cáo số liệu bị từ chối.", "A metrics report was rejected."),
    "told_tip_received": ("Nhận phản ánh của người dân.", "A tip from the public was received."),
    "told_referral_received": (
        "Nhận chuyển vụ việc từ {from_authority}: {title}.",
        "A referral came from {from_authority}: {title}.",
    ),
    "told_case_opened": ("Mở vụ việc {code}.", "The case {code} was opened."),
    "told_case_closed": ("Vụ việc đóng.", "The case was closed; nothing in it is open."),
    "told_item_opened": ("Mở mục {item}.", "Item opened, {item}."),
    "told_item_resolved": ("Mục {kind} được giải quyết ({reason}).", "Item {kind} resolved ({reason})."),
    "told_reply_requested": (
        "Đề nghị doanh nghiệp giải trình về dự thảo: {kind}.",
        "The enterprise was asked to reply to what is proposed: {kind}.",
    ),
    "told_case_supplement_requested": (
        "Yêu cầu doanh nghiệp bổ sung trong vụ việc.",
        "The enterprise was asked for a supplement in the case.",
    ),
    "told_request_withdrawn": (
        "Không còn chờ doanh nghiệp trả lời ({reason}).",
        "The enterprise's answer is no longer awaited ({reason}).",
    ),
    "told_report_reviewed": ("{officer} đã xem xét báo cáo.", "{officer} reviewed the report."),
    "told_decision_issued": ("Ban hành quyết định {number} ({kind}).", "Decision {number} ({kind}) was issued."),
    "told_remedy_verified": ("{officer} đã kiểm tra việc khắc phục.", "{officer} verified the remedy."),
    "told_measure_confirmed": ("Biện pháp tạm thời được giữ.", "The interim measure was confirmed."),
    "told_measure_lifted": ("Biện pháp tạm thời được bỏ ({reason}).", "The interim measure was lifted ({reason})."),
    "told_measure_lapsed": ("Biện pháp tạm thời hết hiệu lực.", "The interim measure lapsed."),
}
