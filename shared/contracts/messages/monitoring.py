"""Texts of the service monitoring."""

TEXTS: dict[str, tuple[str, str]] = {
    "report_key_differs": (
        "Khóa của bản ghi không phải mã thí điểm trong nội dung.",
        "The record's key is not the pilot id of its content.",
    ),
    "report_wrong_partition": (
        "Bản ghi nằm ở phân vùng {partition}; khóa này thuộc phân vùng {expected} (murmur2). Hãy đổi bộ phân vùng của phần mềm gửi.",
        "The record lies on partition {partition}; its key belongs to {expected} (murmur2). Change the partitioner of your producer.",
    ),
    "report_unsigned": (
        "Bản ghi không có chữ ký hk-signature.",
        "The record has no signature (header hk-signature).",
    ),
    "report_signature_wrong": (
        "Chữ ký hk-signature không đúng với khóa bí mật của nguồn {source}.",
        "The signature (hk-signature) is not that of the secret of the source {source}.",
    ),
    "report_part_beyond": (
        "Phần {part} lớn hơn số phần {parts}.",
        "Part {part} is beyond the number of parts, {parts}.",
    ),
    "report_pilot_unknown": (
        "Không có thí điểm với mã này.",
        "There is no pilot with this id.",
    ),
    "identity_reused": (
        "Số thứ tự {sequence} của nguồn này đã dùng cho nội dung khác.",
        "The sequence {sequence} of this source was used for another content.",
    ),
    "sequence_too_old": (
        "Số thứ tự {sequence} cũ hơn số mới nhất quá 10.000.",
        "The sequence {sequence} is more than 10,000 behind the newest.",
    ),
    "sequence_exhausted": (
        "Nguồn này đã dùng hết số thứ tự; hãy khai báo nguồn khác.",
        "This source has used up its sequences; declare another source.",
    ),
    "source_unknown": (
        "Nguồn {source} không được khai báo trong phạm vi thí điểm.",
        "The source {source} is not declared in the envelope.",
    ),
    "corrects_not_before": (
        "Bản đính chính phải nêu số thứ tự nhỏ hơn số của chính nó ({corrects}).",
        "A correction names a sequence lower than its own ({corrects}).",
    ),
    "corrects_unknown": (
        "Không có báo cáo số {corrects} đã được chấp nhận để đính chính.",
        "There is no accepted report {corrects} to correct.",
    ),
    "correction_beyond_recorded": (
        "Đính chính trừ quá số đã báo cáo: {metric} ngày {day} mới ghi nhận {recorded}, sau đính chính sẽ còn {remains}.",
        "The correction takes back more than was reported: {metric} has {recorded} recorded on {day}, and {remains} would remain.",
    ),
    "metric_unknown": (
        "Chỉ số {metric} không có trong danh mục của lĩnh vực này.",
        "The metric {metric} is not among those of this sector.",
    ),
    "sample_in_future": (
        "Thời điểm {at} ở tương lai.",
        "The instant {at} lies in the future.",
    ),
    "sample_before_start": (
        "Thời điểm trước khi thí điểm bắt đầu ({start}).",
        "The instant lies before the pilot's start ({start}).",
    ),
    "sample_after_end": (
        "Thời điểm sau hạn cuối cho số liệu đến muộn ({last}).",
        "The instant lies after the last one for late samples ({last}).",
    ),
    "delta_negative": (
        "Giá trị âm chỉ được phép trong báo cáo đính chính (corrects).",
        "A negative value is allowed in a correction only (corrects).",
    ),
    "counter_negative": ("Chỉ số lũy kế không âm.", "A cumulative metric is not negative."),
    "counter_falls": (
        "Chỉ số lũy kế {metric} là {value}, không khớp với giá trị đã biết {known}; nếu đếm lại từ đầu, hãy ghi reset. Mỗi chỉ số lũy kế là một dãy "
        "duy nhất, dù nguồn nào báo cáo: nhiều nguồn cùng đếm thì báo cáo phần tăng thêm bằng chỉ số kiểu delta.",
        "The cumulative metric {metric} is {value}, which does not fit the known value {known}; if it was counted anew, say reset. A cumulative "
        "metric is one series, whichever source reports it: sources that each count on their own report what was added, in a delta metric.",
    ),
    "counter_reset_late": (
        "Lần đếm lại (reset) của {metric} nằm trước các giá trị đã tính.",
        "The reset of {metric} lies before values that were counted already.",
    ),
    "reset_not_counter": (
        "reset chỉ dùng cho chỉ số lũy kế; {metric} không phải loại này.",
        "reset is for cumulative metrics only; {metric} is not one.",
    ),
    "more_problems": ("Còn {count} lỗi khác.", "There are {count} more errors."),
    "pilot_over": (
        "Thí điểm đã kết thúc và không nhận số liệu nữa.",
        "The pilot is over and takes no more reports.",
    ),
    "pilot_not_started": (
        "Thí điểm chưa bắt đầu; hãy gửi lại sau khi bắt đầu.",
        "The pilot has not started; send again once it has.",
    ),
    "report_must_be_split": (
        "Một nguồn số liệu của thí điểm này tự gửi bản ghi vào Kafka; qua HTTP, hãy gửi mỗi báo cáo tối đa {limit} giá trị.",
        "A source of this pilot produces records of its own; by HTTP, send at most {limit} samples a report.",
    ),
    "too_many_samples": (
        "Một báo cáo có tối đa {limit} giá trị.",
        "A report has at most {limit} samples.",
    ),
    "csv_header_wrong": (
        "Dòng đầu của CSV phải là metric,at,value[,province][,reset]; nhận được: {given}.",
        "The first line of the CSV must be metric,at,value[,province][,reset]; got: {given}.",
    ),
    "csv_row_wrong": (
        "Dòng có {given} ô, cần {wanted}.",
        "The row has {given} cells, {wanted} are needed.",
    ),
    "csv_unreadable": ("Không đọc được CSV: {why}.", "The CSV cannot be read: {why}."),
    "report_refused": (
        "Báo cáo không được nhận: {count} lỗi.",
        "The report was not taken: {count} error(s).",
    ),
    "body_not_utf8": ("Nội dung không phải UTF-8.", "The body is not UTF-8."),
    "cursor_wrong": ("Con trỏ trang không hợp lệ.", "The cursor of the page is not valid."),
    "own_authority": (
        "Thí điểm thuộc thẩm quyền của chính cơ quan bạn; hãy xử lý trong hồ sơ.",
        "The pilot lies with your own authority; act in its case.",
    ),
}
