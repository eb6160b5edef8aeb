//! Log lines: text on a terminal, one JSON object a line otherwise.

use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::sync::Arc;

use jiff::Timestamp;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Starts the log, to standard error. `RUST_LOG` chooses what is told.
pub fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    // A URL with a password in it that is not escaped is quoted there.
    let filter = match "sqlx_postgres::options=off".parse() {
        Ok(directive) => filter.add_directive(directive),
        Err(_) => filter,
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter);
    if std::io::stderr().is_terminal() {
        return builder.with_writer(std::io::stderr).init();
    }
    let builder = builder.event_format(Json);
    // A line is one write, which the system does not mix with another; the lock of `Stderr` would only make threads wait.
    match std::io::stderr().as_fd().try_clone_to_owned() {
        Ok(own) => builder.with_writer(Arc::new(File::from(own))).init(),
        Err(_) => builder.with_writer(std::io::stderr).init(),
    }
}

/// An event as a flat JSON object. `tracing_subscriber`'s own builds a map for each line, which shows in what answering
/// from memory takes (docs/benchmarks.md).
struct Json;

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let metadata = event.metadata();
        write!(
            writer,
            r#"{{"timestamp":"{:.6}","level":"{}","target":"{}""#,
            Timestamp::now(),
            metadata.level(),
            metadata.target()
        )?;
        let mut members = Members { writer, result: Ok(()) };
        event.record(&mut members);
        members.result?;
        members.writer.write_str("}\n")
    }
}

/// Writes the fields of an event as members of an object.
struct Members<'a> {
    writer: Writer<'a>,
    result: fmt::Result,
}

impl Members<'_> {
    fn write(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        let writer = &mut self.writer;
        self.result = self.result.and_then(|()| write!(writer, r#","{}":{value}"#, field.name()));
    }

    fn write_text(&mut self, field: &Field, text: fmt::Arguments<'_>) {
        let writer = &mut self.writer;
        self.result = self.result.and_then(|()| {
            write!(writer, r#","{}":""#, field.name())?;
            Escaped(writer).write_fmt(text)?;
            writer.write_char('"')
        });
    }
}

impl Visit for Members<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.write_text(field, format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.write_text(field, format_args!("{value}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            self.write(field, format_args!("{value}"));
        } else {
            self.write_text(field, format_args!("{value}"));
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.write(field, format_args!("{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.write(field, format_args!("{value}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.write(field, format_args!("{value}"));
    }
}

/// Writes text as it stands within a JSON string (RFC 8259, 7).
struct Escaped<'a, 'b>(&'a mut Writer<'b>);

impl fmt::Write for Escaped<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.find(|c: char| c < ' ' || c == '"' || c == '\\') {
            let (plain, special) = rest.split_at(at);
            self.0.write_str(plain)?;
            let byte = special.as_bytes()[0];
            if byte < b' ' {
                write!(self.0, "\\u{byte:04x}")?;
            } else {
                self.0.write_char('\\')?;
                self.0.write_char(byte.into())?;
            }
            rest = &special[1..];
        }
        self.0.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Mutex;

    use serde_json::Value;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("nobody panics").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_line_is_one_object() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().event_format(Json).with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(text = "a \"b\"\n\\ \u{1} æ", count = 3_u64, below = -1, yes = true, share = 0.5, "told");
            tracing::warn!(error = %io::Error::other("x\ty"), "again");
        });
        let text = String::from_utf8(lines.0.lock().expect("nobody panics").clone()).expect("the log is UTF-8");
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert_eq!(lines[0]["text"], "a \"b\"\n\\ \u{1} æ");
        assert_eq!(lines[0]["count"], 3);
        assert_eq!(lines[0]["below"], -1);
        assert_eq!(lines[0]["yes"], true);
        assert_eq!(lines[0]["share"], 0.5);
        assert_eq!(lines[0]["message"], "told");
        assert_eq!(lines[0]["level"], "INFO");
        let told = lines[0]["timestamp"].as_str().and_then(|text| text.parse::<Timestamp>().ok());
        assert!(told.is_some_and(|told| told.duration_since(Timestamp::now()).as_secs().abs() < 60));
        assert_eq!(lines[1]["error"], "x\ty");
    }
}
