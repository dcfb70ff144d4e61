//! C ABI over the Rust libraries that strata uses. Nothing unwinds across it: a panic becomes an
//! error text. Strings that are handed out are freed with `strata_string_free`.

mod chat;
mod grammar;
mod python_json;

use llguidance::Matcher;
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

/// Prepares a vocabulary for grammars. Token t's bytes are bytes[ends[t - 1] .. ends[t]]; those of
/// control tokens begin with 0xFF. Null and `*error` set when it has no stop token.
///
/// # Safety
/// The pointers are valid for their sizes; `tokenizer` outlives all that is compiled for it, and
/// `tokenize` may be called by several threads at once.
#[no_mangle]
pub unsafe extern "C" fn strata_vocabulary_new(
    bytes: *const u8,
    ends: *const u32,
    n_token: usize,
    stop: *const u32,
    n_stop: usize,
    tokenize: grammar::Tokenize,
    tokenizer: *const std::ffi::c_void,
    error: *mut RustString,
) -> *mut grammar::Vocabulary {
    *error = RustString::none();
    let result = guarded(|| {
        let ends = slice::from_raw_parts(ends, n_token);
        let all = slice::from_raw_parts(bytes, ends.last().map_or(0, |&e| e as usize));
        let mut start = 0;
        let mut tokens = Vec::with_capacity(n_token);
        for &end in ends {
            tokens.push(all[start..end as usize].to_vec());
            start = end as usize;
        }
        let stop = slice::from_raw_parts(stop, n_stop);
        grammar::Vocabulary::new(&tokens, stop, tokenize, tokenizer)
    });
    boxed(result, error)
}

/// # Safety
/// `vocabulary` comes from `strata_vocabulary_new` and is freed once.
#[no_mangle]
pub unsafe extern "C" fn strata_vocabulary_free(vocabulary: *mut grammar::Vocabulary) {
    drop(Box::from_raw(vocabulary));
}

/// Compiles a grammar; `kind`: "json_schema", "regex" or "lark". Null and `*error` set when that is
/// not possible. Several threads may compile for one vocabulary at once.
///
/// # Safety
/// The pointers are valid for their sizes.
#[no_mangle]
pub unsafe extern "C" fn strata_matcher_new(
    vocabulary: *const grammar::Vocabulary,
    kind: *const u8,
    kind_size: usize,
    source: *const u8,
    size: usize,
    error: *mut RustString,
) -> *mut Matcher {
    *error = RustString::none();
    boxed(guarded(|| (*vocabulary).compile(text(kind, kind_size)?, text(source, size)?)), error)
}

unsafe fn boxed<T>(result: Result<T, String>, error: *mut RustString) -> *mut T {
    match result {
        Ok(value) => Box::into_raw(Box::new(value)),
        Err(e) => {
            *error = RustString::new(e);
            ptr::null_mut()
        }
    }
}

/// One that starts where this one is and shares nothing with it: null if it has failed.
///
/// # Safety
/// `matcher` comes from this library; no other thread changes it meanwhile.
#[no_mangle]
pub unsafe extern "C" fn strata_matcher_clone(matcher: *const Matcher) -> *mut Matcher {
    guarded(|| Ok((*matcher).deep_clone()))
        .map_or(ptr::null_mut(), |m| Box::into_raw(Box::new(m)))
}

/// # Safety
/// `matcher` comes from this library and is freed once.
#[no_mangle]
pub unsafe extern "C" fn strata_matcher_free(matcher: *mut Matcher) {
    drop(Box::from_raw(matcher));
}

/// Which tokens may come next: one bit each. False: it has failed (strata_matcher_error).
///
/// # Safety
/// `out` has room for `n_word` words; one thread at a time uses a matcher.
#[no_mangle]
pub unsafe extern "C" fn strata_matcher_mask(
    matcher: *mut Matcher,
    out: *mut u32,
    n_word: usize,
) -> bool {
    guarded(|| grammar::mask(&mut *matcher, slice::from_raw_parts_mut(out, n_word))).is_ok()
}

/// `token` came. False: it has failed, for instance because the token was not allowed.
///
/// # Safety
/// One thread at a time uses a matcher.
#[no_mangle]
pub unsafe extern "C" fn strata_matcher_accept(matcher: *mut Matcher, token: u32) -> bool {
    guarded(|| (*matcher).consume_token(token).map_err(|e| e.to_string())).is_ok()
}

/// Writes at most `capacity` tokens that have to come next, and returns how many it wrote.
///
/// # Safety
/// `out` has room for `capacity` tokens; one thread at a time uses a matcher.
#[no_mangle]
pub unsafe extern "C" fn strata_matcher_forced(
    matcher: *mut Matcher,
    out: *mut u32,
    capacity: usize,
) -> usize {
    let tokens = guarded(|| Ok((*matcher).compute_ff_tokens())).unwrap_or_default();
    let n = tokens.len().min(capacity);
    slice::from_raw_parts_mut(out, n).copy_from_slice(&tokens[..n]);
    n
}

/// Nothing may follow but a token that ends the text.
///
/// # Safety
/// One thread at a time uses a matcher.
#[no_mangle]
pub unsafe extern "C" fn strata_matcher_stopped(matcher: *const Matcher) -> bool {
    (*matcher).is_stopped()
}

/// The text may end here.
///
/// # Safety
/// One thread at a time uses a matcher.
#[no_mangle]
pub unsafe extern "C" fn strata_matcher_accepting(matcher: *mut Matcher) -> bool {
    guarded(|| (*matcher).is_accepting().map_err(|e| e.to_string())).unwrap_or(false)
}

/// Why it has failed; none if it has not.
///
/// # Safety
/// One thread at a time uses a matcher.
#[no_mangle]
pub unsafe extern "C" fn strata_matcher_error(matcher: *const Matcher) -> RustString {
    (*matcher).get_error().map_or(RustString::none(), RustString::new)
}
