//! Chat templates with the environment that transformers gives them: trim_blocks, lstrip_blocks,
//! loop controls, Python's methods, tojson as json.dumps, raise_exception, strftime_now, generation
//! blocks.

use crate::python_json;
use minijinja::value::{Kwargs, Value};
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error, ErrorKind, State, UndefinedBehavior};
use std::sync::Arc;

/// Steps a render may take: a template that loops for ever ends with an error.
const FUEL: u64 = 50_000_000;
/// Bytes a render may produce.
const MAX_OUTPUT: usize = 256 << 20;
const NAME: &str = "chat_template";
const NOW: &str = "strata_now";

pub struct Template {
    env: Arc<Environment<'static>>,
}

impl Template {
    pub fn new(source: &str) -> Result<Self, String> {
        let mut env = Environment::new();
        env.set_syntax(
            SyntaxConfig::builder()
                .trim_blocks(true)
                .lstrip_blocks(true)
                .keep_trailing_newline(false)
                .build()
                .map_err(explain)?,
        );
        env.set_undefined_behavior(UndefinedBehavior::Lenient);
        env.set_fuel(Some(FUEL));
        env.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        env.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        env.add_filter("tojson", to_json);
        env.add_filter("e", escape);
        env.add_filter("escape", escape);
        // Here None would count as iterable; in Python it does not.
        env.add_test("iterable", |v: &Value| !v.is_none() && v.try_iter().is_ok());
        env.add_function("raise_exception", raise_exception);
        env.add_function("strftime_now", strftime_now);
        env.add_template_owned(NAME, plain_generation_blocks(source)).map_err(explain)?;
        Ok(Template { env: Arc::new(env) })
    }

    pub fn render(&self, context: &str, now: &str) -> Result<String, String> {
        let mut json: serde_json::Value =
            serde_json::from_str(context).map_err(|e| format!("context: {e}"))?;
        let object = json.as_object_mut().ok_or("context: not an object")?;
        if !now.is_empty() {
            object.insert(NOW.into(), now.into());
        }
        let mut out = Bounded { bytes: Vec::new() };
        self.env
            .get_template(NAME)
            .and_then(|t| t.render_captured_to(to_value(&json), &mut out).map(|_| ()))
            .map_err(explain)?;
        String::from_utf8(out.bytes).map_err(|_| "output is not UTF-8".into())
    }
}

fn to_value(json: &serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match json {
        Json::Null => Value::from(()),
        Json::Bool(b) => Value::from(*b),
        Json::Number(n) => match (n.as_i64(), n.as_u64(), n.as_f64()) {
            (Some(i), _, _) => Value::from(i),
            (_, Some(u), _) => Value::from(u),
            (_, _, f) => Value::from(f.unwrap_or(f64::NAN)),
        },
        Json::String(s) => Value::from(s.as_str()),
        Json::Array(items) => items.iter().map(to_value).collect(),
        Json::Object(map) => Value::from_pairs(map.iter().map(|(k, v)| (k.as_str(), to_value(v)))),
    }
}

struct Bounded {
    bytes: Vec<u8>,
}

impl std::io::Write for Bounded {
    fn write(&mut self, part: &[u8]) -> std::io::Result<usize> {
        if self.bytes.len() + part.len() > MAX_OUTPUT {
            return Err(std::io::Error::other(format!("more than {MAX_OUTPUT} bytes of output")));
        }
        self.bytes.extend_from_slice(part);
        Ok(part.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn explain(error: Error) -> String {
    let mut text = error.detail().map_or_else(|| error.kind().to_string(), str::to_string);
    if let Some(line) = error.line() {
        text = format!("line {line}: {text}");
    }
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// `{% generation %}` marks the assistant's text for training; rendering ignores it.
fn plain_generation_blocks(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find("{%") {
        let Some(length) = rest[start..].find("%}") else { break };
        let tag = &rest[start + 2..start + length];
        let word = tag.trim_matches(|c: char| c == '-' || c == '+' || c.is_whitespace());
        out.push_str(&rest[..start + 2]);
        out.push_str(&match word {
            "generation" => tag.replace("generation", "if true"),
            "endgeneration" => tag.replace("endgeneration", "endif"),
            _ => tag.to_string(),
        });
        out.push_str("%}");
        rest = &rest[start + length + 2..];
    }
    out.push_str(rest);
    out
}

fn to_json(value: Value, options: Kwargs) -> Result<Value, Error> {
    let style = python_json::Style::from_options(&options)?;
    options.assert_all_used()?;
    Ok(Value::from_safe_string(python_json::dumps(&value, &style)?))
}

/// markupsafe.escape, whatever the auto-escaping.
fn escape(value: &Value) -> Value {
    let mut out = String::new();
    for c in value.to_string().chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\'' => out.push_str("&#39;"),
            '"' => out.push_str("&#34;"),
            c => out.push(c),
        }
    }
    Value::from_safe_string(out)
}

fn raise_exception(message: String) -> Result<Value, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, message))
}

extern "C" {
    /// strftime(3) of `now` ("YYYY-MM-DDTHH:MM:SS"; empty: local time) into out; bytes written, or
    /// -1 when `now` is malformed or the text does not fit. Provided by strata (chat_template.cc).
    fn strata_strftime(
        now: *const u8,
        now_size: usize,
        format: *const u8,
        format_size: usize,
        out: *mut u8,
        out_size: usize,
    ) -> isize;
}

fn strftime_now(state: &mut State, format: String) -> Result<String, Error> {
    let now = state.lookup(NOW).and_then(|v| v.as_str().map(str::to_string)).unwrap_or_default();
    let mut out = [0u8; 512];
    // SAFETY: the pointers are valid for the sizes given, and nothing is kept.
    let n = unsafe {
        strata_strftime(now.as_ptr(), now.len(), format.as_ptr(), format.len(), out.as_mut_ptr(),
                        out.len())
    };
    usize::try_from(n).map(|n| String::from_utf8_lossy(&out[..n]).into_owned()).map_err(|_| {
        Error::new(ErrorKind::InvalidOperation, format!("strftime_now: bad format '{format}'"))
    })
}
