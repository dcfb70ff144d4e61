//! C ABI over the Rust libraries that strata uses. Nothing unwinds across it: a panic becomes an
//! error text. Strings that are handed out are freed with `strata_string_free`.

mod chat;
mod python_json;

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::ptr;
use std::slice;

/// A string owned by this library; `data` is null for none.
#[repr(C)]
pub struct RustString {
    data: *mut u8,
    size: usize,
}

impl RustString {
    fn none() -> Self {
        RustString { data: ptr::null_mut(), size: 0 }
    }
    fn new(text: String) -> Self {
        let bytes = text.into_bytes().into_boxed_slice();
        let size = bytes.len();
        RustString { data: Box::into_raw(bytes) as *mut u8, size }
    }
}

/// # Safety
/// `text` comes from this library and is freed once.
#[no_mangle]
pub unsafe extern "C" fn strata_string_free(text: RustString) {
    if !text.data.is_null() {
        drop(Box::from_raw(ptr::slice_from_raw_parts_mut(text.data, text.size)));
    }
}

unsafe fn text<'a>(data: *const u8, size: usize) -> Result<&'a str, String> {
    let bytes = if size == 0 { &[] } else { slice::from_raw_parts(data, size) };
    std::str::from_utf8(bytes).map_err(|e| format!("not UTF-8 at byte {}", e.valid_up_to()))
}

fn guarded<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err("internal error".into()))
}

/// Compiles a chat template. Null and `*error` set when it does not parse.
///
/// # Safety
/// `source` points to `size` bytes; `error` may be written.
#[no_mangle]
pub unsafe extern "C" fn strata_template_new(
    source: *const u8,
    size: usize,
    error: *mut RustString,
) -> *mut chat::Template {
    *error = RustString::none();
    match guarded(|| chat::Template::new(text(source, size)?)) {
        Ok(template) => Box::into_raw(Box::new(template)),
        Err(e) => {
            *error = RustString::new(e);
            ptr::null_mut()
        }
    }
}

/// # Safety
/// `template` comes from `strata_template_new` and is freed once.
#[no_mangle]
pub unsafe extern "C" fn strata_template_free(template: *mut chat::Template) {
    drop(Box::from_raw(template));
}

/// Renders with a JSON object as context. `now` is "YYYY-MM-DDTHH:MM:SS" or empty for the local
/// time. False and `*out` an error text when the template raises or the limits are passed.
///
/// # Safety
/// The pointers are valid for their sizes; several threads may render one template at once.
#[no_mangle]
pub unsafe extern "C" fn strata_template_render(
    template: *const chat::Template,
    context: *const u8,
    context_size: usize,
    now: *const u8,
    now_size: usize,
    out: *mut RustString,
) -> bool {
    let result = guarded(|| {
        (*template).render(text(context, context_size)?, text(now, now_size)?)
    });
    let ok = result.is_ok();
    *out = RustString::new(result.unwrap_or_else(|e| e));
    ok
}
