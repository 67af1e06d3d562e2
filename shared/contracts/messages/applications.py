"""Texts of the service applications."""

TEXTS: dict[str, tuple[str, str]] = {
    # The admissibility check
    "sector_outside_sandbox": (
        "Lĩnh vực {sector} không thuộc phạm vi thử nghiệm có kiểm soát.",
        "The sector {sector} is outside the sandbox.",
    ),
    "sector_renamed": (
        "{sector} là mã cũ của lĩnh vực; nay dùng {now}.",
        "{sector} is a sector's former code; it is now {now}.",
    ),
    "organisation_barred": (
        "Doanh nghiệp có thử nghiệm bị chấm dứt, chưa được đăng ký mới trước ngày {until}.",
        "A pilot of this enterprise was terminated; it may not apply again before {until}.",
    ),
    "province_unknown": ("Không có tỉnh, thành phố mã {province}.", "There is no province with the code {province}."),
    "province_twice": (
        "Tỉnh, thành phố mã {province} được khai hai lần.",
        "The province {province} is declared twice.",
    ),
    "commune_twice": (
        "Xã, phường mã {commune} được khai hai lần.",
        "The commune {commune} is declared twice.",
    ),
    "commune_missing": (
        "Hoạt động {gate} cần khai mã xã, phường nơi thực hiện.",
        "The activity {gate} needs the code of the commune where it takes place.",
    ),
    "start_too_far": (
        "Ngày dự kiến bắt đầu không được sau ngày {day}.",
        "The planned start may not be later than {day}.",
    ),
    "duration_too_long": (
        "Thời gian thử nghiệm ở mức {tier} tối đa {months} tháng.",
        "A pilot of tier {tier} may last {months} months at most.",
    ),
    "answer_missing": (
        "Chưa trả lời câu hỏi phân mức {input}.",
        "The question {input}, which decides the tier, is not answered.",
    ),
    "answer_unknown_option": (
        "Câu trả lời cho {input} phải là một trong: {options}.",
        "The answer to {input} must be one of: {options}.",
    ),
    "answer_not_a_count": (
        "Câu trả lời cho {input} phải là số nguyên không âm.",
        "The answer to {input} must be a whole number, zero or more.",
    ),
    "answer_too_large": (
        "Câu trả lời cho {input} lớn hơn 10^12.",
        "The answer to {input} is larger than 10^12.",
    ),
    "answer_unknown_input": ("Không có câu hỏi {input}.", "There is no question {input}."),
    "provinces_not_covered": (
        "Hồ sơ khai {declared} tỉnh, thành phố, nhưng câu trả lời phân mức chỉ nêu {answer}.",
        "The dossier declares {declared} provinces, but the answer that decides the tier says {answer}.",
    ),
    "activity_unknown": (
        "Không có hoạt động mã {activity} trong danh mục.",
        "There is no activity with the code {activity} in the list.",
    ),
    "held_permit_unfit": (
        "{gate} không phải là hoạt động cần giấy phép mà hồ sơ đã khai.",
        "{gate} is no declared activity that needs a permit.",
    ),
    "held_permit_twice": ("Giấy phép cho {gate} được khai hai lần.", "The permit for {gate} is declared twice."),
    "held_permit_in_future": (
        "Ngày cấp giấy phép ({date}) sau ngày nộp hồ sơ.",
        "The permit's date ({date}) lies after the receipt of the application.",
    ),
    "list_too_long": ("Danh sách này không được quá {most} mục.", "This list may have {most} entries at most."),
    "envelope_version": (
        "Phạm vi thử nghiệm của hồ sơ luôn là phiên bản 1.",
        "The envelope of an application is always version 1.",
    ),
    "sources_missing": (
        "Cần khai ít nhất một nguồn báo cáo số liệu.",
        "At least one source of metric reports must be declared.",
    ),
    "source_twice": ("Nguồn {value} được khai hai lần.", "The source {value} is declared twice."),
    "source_undeclared": (
        "Nguồn {source} chưa có trong danh sách nguồn báo cáo.",
        "The source {source} is not among the declared sources.",
    ),
    "threshold_twice": ("Ngưỡng {value} được khai hai lần.", "The threshold {value} is declared twice."),
    "threshold_unknown_metric": (
        "Ngưỡng dùng chỉ số {metric} không có trong lĩnh vực này.",
        "The threshold uses {metric}, which is no metric of this sector.",
    ),
    "threshold_looser": (
        "Ngưỡng {code} không được nới lỏng so với mặc định (giới hạn {limit}).",
        "The threshold {code} may be stricter than the default (limit {limit}), never looser.",
    ),
    "cap_unknown_metric": (
        "{metric} không phải là chỉ số của lĩnh vực này.",
        "{metric} is no metric of this sector.",
    ),
    "cap_not_cappable": ("Chỉ số {metric} không đặt giới hạn được.", "The metric {metric} cannot be capped."),
    "cap_wrong_window": (
        "Chỉ số {metric} không dùng được với cửa sổ {window}.",
        "The metric {metric} cannot be capped over the window {window}.",
    ),
    "cap_twice": (
        "Giới hạn của {metric} ({window}) được khai hai lần.",
        "The cap on {metric} ({window}) is declared twice.",
    ),
    "cap_over_maximum": (
        "Giới hạn của {metric} ở mức {tier} tối đa là {maximum}; mức cho phép giá trị này: {allowed}.",
        "The cap on {metric} may be {maximum} at most in tier {tier}; the tier that would allow more: {allowed}.",
    ),
    "cap_missing": (
        "Cần đặt giới hạn cho {metric} (cửa sổ: {window}).",
        "The envelope must cap {metric} (window: {window}).",
    ),
    "safeguard_missing": (
        "Cần mô tả biện pháp bảo vệ {document}: {name_vi} ({name_en}).",
        "The safeguard {document} must be described: {name_en} ({name_vi}).",
    ),
    "document_missing": (
        "Thiếu tài liệu {document}: {name_vi} ({name_en}).",
        "The document {document} is missing: {name_en} ({name_vi}).",
    ),
    "document_unknown": (
        "Tài liệu {document} không có trong danh mục; không ai được yêu cầu tài liệu ngoài danh mục.",
        "The document {document} is not on the list; nothing off the list may be asked for.",
    ),
    "cohort_unknown": ("Không có đợt kêu gọi {cohort} đang mở.", "There is no open call {cohort}."),
    "supplement_incomplete": (
        "Hồ sơ bổ sung vẫn chưa đầy đủ; chỉ được bổ sung một lần. Có thể nộp hồ sơ mới.",
        "The supplement is still incomplete, and there is only one. A new application may be filed.",
    ),
    # Applications and drafts
    "organisation_not_yours": (
        "Mã số thuế trong hồ sơ không phải của doanh nghiệp đang đăng nhập.",
        "The tax code of the dossier is not that of the enterprise that signed in.",
    ),
    "organisation_changed": (
        "Hồ sơ bổ sung phải của cùng doanh nghiệp (mã số thuế).",
        "A supplement must come from the same enterprise (tax code).",
    ),
    "application_not_open": (
        "Hồ sơ không còn chờ bổ sung (trạng thái: {status_found}).",
        "The application does not wait for a supplement (status: {status_found}).",
    ),
    "application_registered": (
        "Hồ sơ đã được đăng ký thành thử nghiệm; hãy rút thử nghiệm.",
        "The application is registered and has become a pilot; withdraw the pilot.",
    ),
    "supplement_over": ("Thời hạn bổ sung đã hết lúc {due}.", "The time to answer ended at {due}."),
    "draft_incomplete": (
        "Bản nháp chưa đủ để thành hồ sơ; các lỗi được liệt kê.",
        "The draft is not yet a dossier; each gap is listed.",
    ),
    "draft_submitted": (
        "Bản nháp này đã được nộp; không sửa được nữa.",
        "This draft was submitted and can no longer be changed.",
    ),
    "draft_too_many": (
        "Đã có {limit} bản nháp chưa nộp; hãy nộp hoặc dùng lại một bản.",
        "There are {limit} drafts not yet submitted; submit, reuse or discard one of them.",
    ),
    # A running pilot
    "pilot_not_running": (
        "Thử nghiệm đang ở trạng thái {state}; việc này chỉ làm được khi đang chạy.",
        "The pilot is {state}; this can only be done while it runs.",
    ),
    "request_answered": ("Yêu cầu này đã được trả lời.", "This request was answered already."),
    "request_withdrawn": (
        "Cơ quan không còn chờ câu trả lời này nữa: đề xuất đã rút hoặc vụ việc đã đóng.",
        "Nobody waits for this answer any more: the proposal was withdrawn, or the case closed.",
    ),
    "request_over": ("Thời hạn trả lời đã hết lúc {due}.", "The time to answer ended at {due}."),
    "incident_in_future": (
        "Thời điểm biết sự cố không được ở tương lai.",
        "An incident cannot become known in the future.",
    ),
    "incident_before_start": (
        "Sự cố phải được biết từ khi thử nghiệm bắt đầu ({start}).",
        "The incident must have become known since the pilot started ({start}).",
    ),
    "period_unknown": (
        "Thử nghiệm này có {periods} kỳ báo cáo.",
        "This pilot has {periods} reporting periods.",
    ),
    "period_reported": ("Kỳ {number} đã được báo cáo.", "Period {number} was reported already."),
    "period_not_begun": ("Kỳ này chỉ bắt đầu lúc {begins}.", "This period only begins at {begins}."),
    "final_report_filed": ("Báo cáo tổng kết đã được nộp.", "The final report was filed already."),
    "criterion_missing": (
        "Còn thiếu tiêu chí: {missing}; mỗi tiêu chí phải được chấm.",
        "Criteria are missing: {missing}; each of the seven is scored.",
    ),
    "criterion_twice": (
        "Tiêu chí {criterion} được chấm hai lần; mỗi tiêu chí một lần.",
        "The criterion {criterion} is scored twice; each of the seven is scored once.",
    ),
    # What comes next
    "step_pilot_start": ("Thử nghiệm tự bắt đầu.", "The pilot starts by itself."),
    "step_pilot_end": ("Thử nghiệm hết thời hạn.", "The pilot reaches its end date."),
    "step_wind_down": ("Kết thúc giai đoạn thu hẹp.", "The winding-down ends."),
    "step_objection": (
        "Cơ quan đã không đồng ý; chờ quyết định cho phép hoặc từ chối.",
        "An authority objected; it decides to permit or to refuse.",
    ),
    "step_measure": (
        "Cơ quan xác nhận, dỡ bỏ biện pháp tạm thời, hoặc để hết hiệu lực.",
        "The authority confirms or lifts the interim measure, or lets it lapse.",
    ),
    "step_suspension": (
        "Cơ quan quyết định về việc tạm đình chỉ.",
        "The authority decides on the suspension.",
    ),
    "step_exit_notice": (
        "Doanh nghiệp thông báo trước khi kết thúc.",
        "The enterprise gives notice before the end.",
    ),
    "step_completion": (
        "Cơ quan xem xét báo cáo tổng kết.",
        "The authority decides on the final report.",
    ),
    "step_permit": ("Cơ quan quyết định về giấy phép.", "The authority decides on the permit."),
    "step_reply": ("Doanh nghiệp giải trình.", "The enterprise replies."),
    "step_case_supplement": ("Doanh nghiệp bổ sung thông tin.", "The enterprise sends what the case lacks."),
    "step_remedy": ("Doanh nghiệp khắc phục.", "The enterprise remedies what was ordered."),
    "step_periodic_report": ("Doanh nghiệp nộp báo cáo định kỳ.", "The enterprise files the periodic report."),
    "step_final_report": ("Doanh nghiệp nộp báo cáo tổng kết.", "The enterprise files the final report."),
    # Duties
    "duty_periodic_report": ("Báo cáo định kỳ kỳ {number}", "Periodic report of period {number}"),
    "duty_final_report": ("Báo cáo tổng kết", "Final report"),
    "duty_case_supplement": ("Bổ sung thông tin cho vụ việc", "What a case lacks"),
    "duty_remedy": ("Khắc phục theo quyết định", "Remedy ordered by a decision"),
    "duty_exit_notice": (
        "Thông báo trước {days} ngày cho {authority} về việc kết thúc ({gate})",
        "Notice to {authority}, {days} days before the end ({gate})",
    ),
    "duty_wind_down": ("Thu hẹp hoạt động theo kế hoạch kết thúc", "Winding down by the exit plan"),
    "duty_ahead_exit_notice": (
        "Thông báo trước {days} ngày cho {authority} về việc kết thúc ({gate})",
        "Notice to {authority}, {days} days before the end ({gate})",
    ),
    "duty_ahead_metrics": (
        "Báo cáo số liệu mỗi kỳ theo phạm vi thử nghiệm đã khai",
        "Metric reports in every period of the declared envelope",
    ),
    "duty_ahead_periodic_report": ("Báo cáo định kỳ mỗi {months} tháng", "A periodic report every {months} months"),
    "duty_ahead_incident_report": ("Báo cáo sự cố trong {hours} giờ", "An incident is reported within {hours} hours"),
    "duty_ahead_final_report": ("Báo cáo tổng kết trước khi kết thúc", "A final report before the end"),
    "duty_ahead_wind_down": (
        "Thu hẹp hoạt động trong {days} ngày sau khi hết thời hạn",
        "Winding down within {days} days after the end",
    ),
}
