//! json.dumps of Python: separators, indentation, escapes and numbers as it writes them.

use minijinja::value::{Kwargs, Value, ValueKind};
use minijinja::{Error, ErrorKind};

const MAX_DEPTH: usize = 200;

pub struct Style {
    indent: Option<usize>,
    item: String,
    key: String,
    ascii: bool,
    sort: bool,
}

impl Style {
    pub fn from_options(options: &Kwargs) -> Result<Self, Error> {
        let indent: Option<usize> = options.get("indent")?;
        let separators: Option<Vec<String>> = options.get("separators")?;
        let item = if indent.is_some() { "," } else { ", " };
        let (item, key) = match separators.as_deref() {
            Some([a, b]) => (a.clone(), b.clone()),
            Some(_) => return Err(bad("separators: a pair is expected")),
            None => (item.into(), ": ".into()),
        };
        Ok(Style {
            indent,
            item,
            key,
            ascii: options.get::<Option<bool>>("ensure_ascii")?.unwrap_or(false),
            sort: options.get::<Option<bool>>("sort_keys")?.unwrap_or(false),
        })
    }
}

fn bad(text: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("tojson: {text}"))
}

pub fn dumps(value: &Value, style: &Style) -> Result<String, Error> {
    let mut out = String::new();
    write_value(value, style, 0, &mut out)?;
    Ok(out)
}

fn write_value(value: &Value, style: &Style, depth: usize, out: &mut String) -> Result<(), Error> {
    if depth > MAX_DEPTH {
        return Err(bad("nested too deeply"));
    }
    match value.kind() {
        ValueKind::None => out.push_str("null"),
        ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
        ValueKind::Number => out.push_str(&number(value)),
        ValueKind::String => write_string(value.as_str().unwrap_or(""), style, out),
        ValueKind::Seq | ValueKind::Iterable => {
            let items: Vec<Value> = value.try_iter()?.collect();
            write_all(items.iter(), style, depth, out, ('[', ']'), |item, out| {
                write_value(item, style, depth + 1, out)
            })?;
        }
        ValueKind::Map => {
            let mut keys: Vec<Value> = value.try_iter()?.collect();
            if style.sort {
                keys.sort_by_key(|k| k.to_string());
            }
            write_all(keys.iter(), style, depth, out, ('{', '}'), |key, out| {
                write_string(&key.to_string(), style, out);
                out.push_str(&style.key);
                write_value(&value.get_item(key)?, style, depth + 1, out)
            })?;
        }
        _ => return Err(bad("this value has no JSON form")),
    }
    Ok(())
}

fn write_all<'a>(
    items: impl ExactSizeIterator<Item = &'a Value>,
    style: &Style,
    depth: usize,
    out: &mut String,
    brackets: (char, char),
    mut write: impl FnMut(&Value, &mut String) -> Result<(), Error>,
) -> Result<(), Error> {
    let empty = items.len() == 0;
    let new_line = |out: &mut String, depth: usize| {
        if let (Some(indent), false) = (style.indent, empty) {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent * depth));
        }
    };
    out.push(brackets.0);
    for (i, item) in items.enumerate() {
        if i > 0 {
            out.push_str(&style.item);
        }
        new_line(out, depth + 1);
        write(item, out)?;
    }
    new_line(out, depth);
    out.push(brackets.1);
    Ok(())
}

// Whole floats keep their ".0"; exponents as Python's repr writes them.
fn number(value: &Value) -> String {
    let text = value.to_string();
    if value.is_integer() {
        return text;
    }
    let Ok(float) = f64::try_from(value.clone()) else { return text };
    if float.is_nan() {
        return "NaN".into();
    }
    if float.is_infinite() {
        return if float > 0.0 { "Infinity".into() } else { "-Infinity".into() };
    }
    let magnitude = float.abs();
    if magnitude != 0.0 && !(1e-4..1e16).contains(&magnitude) {
        let short = format!("{float:e}");
        let (digits, exponent) = short.split_once('e').unwrap_or((&short, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    let plain = format!("{float}");
    if plain.contains('.') { plain } else { plain + ".0" }
}

fn write_string(text: &str, style: &Style, out: &mut String) {
    use std::fmt::Write;
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if (c as u32) < 32 || (style.ascii && (c as u32) > 126) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
