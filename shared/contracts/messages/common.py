"""Texts that any service may show: transport, identity, form."""

TEXTS: dict[str, tuple[str, str]] = {
    "not_found": ("Không tìm thấy thông tin này.", "There is no such thing."),
    "not_found_pilot": ("Không tìm thấy thử nghiệm này.", "There is no such pilot."),
    "not_found_application": ("Không tìm thấy hồ sơ này.", "There is no such application."),
    "not_found_draft": ("Không tìm thấy bản nháp này.", "There is no such draft."),
    "not_found_request": ("Không tìm thấy yêu cầu này.", "There is no such request."),
    "not_found_source": ("Không tìm thấy nguồn số liệu này.", "There is no such source."),
    "not_found_case": ("Không tìm thấy vụ việc này.", "There is no such case."),
    "not_found_item": ("Không tìm thấy mục này trong vụ việc.", "There is no such item in the case."),
    "not_found_proposal": ("Không tìm thấy dự thảo quyết định này.", "There is no such proposal."),
    "not_found_decision": ("Không tìm thấy quyết định này.", "There is no such decision."),
    "not_found_remedy": ("Quyết định này không yêu cầu khắc phục.", "This decision orders no remedy."),
    "not_found_chain": ("Không tìm thấy chuỗi quyết định này.", "There is no such chain of decisions."),
    "not_found_dead_letter": ("Không tìm thấy bản ghi bị loại này.", "There is no such dead letter."),
    "unauthenticated": (
        "Cần mã truy cập (bearer token) hợp lệ trong tiêu đề Authorization.",
        "A valid bearer token is needed in the Authorization header.",
    ),
    "forbidden": ("Vai trò của bạn không được làm việc này ({action}).", "Your role may not do this ({action})."),
    "invalid_field": ("Trường {field} không hợp lệ: {why}.", "The field {field} is not valid: {why}."),
    "invalid_body": ("Nội dung gửi lên không hợp lệ: {why}.", "The body is not valid: {why}."),
    "unknown_parameter": (
        "Không có tham số {name} ở đây. Các tham số dùng được: {known}.",
        "There is no parameter {name} here. Known are: {known}.",
    ),
    "repeated_parameter": (
        "Tham số {name} có nhiều hơn một lần; chỉ ghi một lần.",
        "The parameter {name} is given more than once; give it once.",
    ),
    "no_parameters": (
        "Không có tham số {name} ở đây: địa chỉ này không nhận tham số nào sau dấu hỏi.",
        "There is no parameter {name} here: this address takes none after the question mark.",
    ),
    "invalid_json": (
        "Nội dung không phải JSON hợp lệ (dòng:cột {place}).",
        "The body is not valid JSON (line:column {place}).",
    ),
    "idempotency_key_missing": (
        "Cần tiêu đề Idempotency-Key (1–128 ký tự), để gửi lại không tạo thêm bản ghi.",
        "An Idempotency-Key header (1–128 characters) is needed, so that sending again makes no second record.",
    ),
    "idempotency_key_reused": (
        "Khóa Idempotency-Key này đã dùng với nội dung khác.",
        "This Idempotency-Key was used with another body.",
    ),
    "method_not_allowed": ("Phương thức {method} không dùng được ở đây.", "The method {method} is not allowed here."),
    "unavailable": (
        "Hệ thống tạm thời bận, hãy thử lại sau ít giây.",
        "The system is busy for a moment; try again in a few seconds.",
    ),
    "too_many_requests": (
        "Có quá nhiều yêu cầu. Hãy thử lại sau {seconds} giây.",
        "There are too many requests. Try again in {seconds} seconds.",
    ),
    "internal": (
        "Lỗi nội bộ. Hãy gửi mã {correlation_id} cho đơn vị vận hành.",
        "Internal error. Give the code {correlation_id} to the operators.",
    ),
    "body_too_large": ("Nội dung lớn hơn {limit} byte.", "The body is larger than {limit} bytes."),
    "unsupported_media_type": ("Không nhận kiểu nội dung {given}.", "The content type {given} is not accepted."),
    "dead_letter_not_dead": (
        "Bản ghi này đang ở trạng thái {state}, chỉ gửi lại được bản ghi poison hoặc dead.",
        "This record is {state}; only one that is poison or dead can be sent again.",
    ),
    "dead_letter_only_kept": (
        "Bản ghi do {consumer} giữ lại chỉ để xem, không gửi lại được: bên gửi phải gửi bản ghi mới đã sửa.",
        "What {consumer} keeps is there to be seen and cannot be sent again: its sender sends a mended record.",
    ),
}
