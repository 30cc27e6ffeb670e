//! Rows as comma-separated values (RFC 4180): the first line names the columns, and what is empty counts as left out.
//!
//! A quote that opens and is not closed makes one record of the lines behind it. So a record that cannot be one costs
//! its first line only, and reading goes on with the next.

use std::collections::BTreeMap;
use std::io::Read as _;

use csv::{ByteRecord, ReaderBuilder, StringRecord, Trim};
use serde_json::Value;
use shared::http::{Fields, Problem};

use super::file::Unreadable;

/// The columns that there must be.
const REQUIRED: [&str; 3] = ["email", "first_name", "last_name"];
/// The most octets of a record of several lines. Every line may open a quote, and so many are read for each.
const LONGEST: usize = 16 << 10;
/// What is read behind the end: only within a quote the record goes on beyond its first octet.
const BEYOND: &[u8] = b"\n.";

/// Records, one after another.
struct Records<'a> {
    rest: &'a [u8],
    /// How many values each has; of the first one, which names the columns, any number.
    columns: Option<usize>,
}

/// The rows of a table, but no more than `most`.
pub(crate) fn rows(bytes: &[u8], most: usize) -> Result<Vec<Result<Value, Unreadable>>, Problem> {
    let mut records = Records { rest: bytes, columns: None };
    let header = records.next().and_then(Result::ok);
    let header = header.and_then(|it| StringRecord::from_byte_record(it).ok()).unwrap_or_default();
    let mut fields = Fields::default();
    for column in REQUIRED.into_iter().filter(|column| !header.iter().any(|it| it == *column)) {
        fields.note(column, "has no column; the first line must name the columns");
    }
    fields.all(Some(()))?;
    records.columns = Some(header.len());
    Ok(records.take(most).map(|record| row(&header, &record?)).collect())
}

impl Records<'_> {
    /// The record at the beginning, whose first line has so many octets, and how many it has itself.
    fn first(&self, line: usize) -> Result<(ByteRecord, usize), Unreadable> {
        let text = &self.rest[..self.rest.len().min(LONGEST.max(line + 1))];
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .trim(Trim::All)
            .from_reader(text.chain(BEYOND));
        let mut record = ByteRecord::new();
        reader.read_byte_record(&mut record).map_err(|error| Unreadable::csv(error.to_string()))?;
        let read = usize::try_from(reader.position().byte()).unwrap_or(usize::MAX);
        let end = read.min(text.len());
        // What ends behind the text was ended by what is read beyond it.
        let is_ended = read <= text.len() || (read == text.len() + 1 && text.len() == self.rest.len());
        if !is_ended || (end > line + 1 && !is_well_quoted(&text[..end])) {
            return Err(Unreadable::csv("The line opens a quote that is not closed"));
        }
        match self.columns {
            Some(columns) if columns != record.len() => {
                let message = format!("The line has {} values for {columns} columns", record.len());
                Err(Unreadable::csv(message))
            }
            _ => Ok((record, end)),
        }
    }
}

impl Iterator for Records<'_> {
    type Item = Result<ByteRecord, Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        let is_break = |octet: &u8| matches!(octet, b'\r' | b'\n');
        let start = self.rest.iter().position(|octet| !is_break(octet))?;
        self.rest = &self.rest[start..];
        let line = self.rest.iter().position(is_break).unwrap_or(self.rest.len());
        let (record, end) = match self.first(line) {
            Ok((record, end)) => (Ok(record), end),
            Err(error) => (Err(error), line),
        };
        self.rest = &self.rest[end..];
        Some(record)
    }
}

/// Whether each quote opens a value, closes one or is doubled within one: then no value runs into another.
fn is_well_quoted(record: &[u8]) -> bool {
    let framed = [b",", record, b","].concat();
    let parts: Vec<_> = framed.split(|octet| *octet == b'"').map(<[u8]>::trim_ascii).collect();
    let is_between = |part: &&[u8]| part.is_empty() || (part.starts_with(b",") && part.ends_with(b","));
    parts.len() % 2 == 1 && parts.iter().step_by(2).all(is_between)
}

/// What the columns hold; `metadata` is JSON.
fn row(header: &StringRecord, record: &ByteRecord) -> Result<Value, Unreadable> {
    let mut row = BTreeMap::new();
    for (column, cell) in header.iter().zip(record).filter(|(_, cell)| !cell.is_empty()) {
        let text = std::str::from_utf8(cell).map_err(|_| Unreadable::csv("The line is not UTF-8"))?;
        let value = match column {
            "metadata" => {
                serde_json::from_str(text).map_err(|_| Unreadable::json("metadata: must be JSON"))?
            }
            _ => Value::from(text),
        };
        row.insert(column, value);
    }
    Ok(row.into_iter().map(|(column, value)| (column.to_owned(), value)).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const HEADER: &[u8] = b"email,first_name,last_name,metadata\n";

    /// What was read of these lines under [`HEADER`]; none where it could not be.
    fn read(lines: &[u8]) -> Vec<Option<Value>> {
        let rows = rows(&[HEADER, lines].concat(), usize::MAX).ok().unwrap();
        rows.into_iter().map(Result::ok).collect()
    }

    /// The addresses that were read of these lines.
    fn addresses(lines: &str) -> Vec<Option<String>> {
        let email = |row: Value| row["email"].as_str().unwrap_or_default().to_owned();
        read(lines.as_bytes()).into_iter().map(|row| row.map(email)).collect()
    }

    /// As many good rows as these names.
    fn good(names: &[&str]) -> Vec<Option<String>> {
        names.iter().map(|name| Some((*name).to_owned())).collect()
    }

    #[test]
    fn a_line_that_cannot_be_read_fails_alone() {
        let rows = read(
            b"a@example.com,\"Ada, Countess\",Lovelace,\"{\"\"n\"\": 1}\"\r\n\
            too,few\r\n\xff,b,c,\r\na,b,c,{\r\n\r\na,,c,\r\n",
        );
        let first = json!({
            "email": "a@example.com", "first_name": "Ada, Countess", "last_name": "Lovelace", "metadata": { "n": 1 },
        });
        let last = json!({ "email": "a", "last_name": "c" });
        assert_eq!(rows, [Some(first), None, None, None, Some(last)]);
    }

    #[test]
    fn a_value_in_quotes_has_lines_of_its_own() {
        let text =
            "a,\"Ada\",\"Love\",\"{\r\n  \"\"n\"\": 1,\r\n  \"\"of\"\": \"\"a, b\"\"\r\n}\"\r\nb,b,b,\r\n";
        assert_eq!(addresses(text), good(&["a", "b"]));
        assert_eq!(read(text.as_bytes())[0].as_ref().unwrap()["metadata"], json!({ "n": 1, "of": "a, b" }));
        assert_eq!(addresses("a,b,\"c\n\",\"{\n}\""), good(&["a"]), "at the end of the file too");
    }

    #[test]
    fn a_stray_quote_swallows_no_line() {
        let behind = [vec![None], good(&["b", "c"])].concat();
        for stray in [
            "a,\"Ada,Love,\nb,b,b,\nc,c,c,",
            "a,\"Ada,Love,\r\nb,b,b,\r\n\r\nc,c,c,\r\n",
            "a,Ada,Love,\"\nb,b,b,\nc,c,c,\n",
            // It is closed by a quote that opens in another line: too many values, and as many as there are columns.
            "a,\"Ada,Love,\nb,b,b,\nc,c,c,\"{}\"",
            "a,Ada,\"Love,\nb,b,b,\nc,c,\"c\",",
            "a,\"Ada,Love,\nb,\"b\",b,\nc,c,c,\"{}\"\n",
        ] {
            assert_eq!(addresses(stray), behind, "{stray}");
        }
        assert_eq!(addresses("a,a,a,\nb,b,b,\nc,\"c,c,"), [good(&["a", "b"]), vec![None]].concat());
        assert_eq!(addresses("a,O\"Neil,a,\nb,b \"c\",b,\n"), good(&["a", "b"]), "within a value it is none");
    }

    #[test]
    fn a_record_of_several_lines_is_read_up_to_so_many_octets() {
        let metadata = |length: usize| format!("a,a,a,\"{{\n}}{}\"\nb,b,b,\n", " ".repeat(length));
        assert_eq!(addresses(&metadata(LONGEST - 100)), good(&["a", "b"]));
        assert_eq!(addresses(&metadata(LONGEST)), [vec![None, None], good(&["b"])].concat());
        let line = format!("a,a,a,{{{}}}\nb,b,b,\n", " ".repeat(2 * LONGEST));
        assert_eq!(addresses(&line), good(&["a", "b"]), "a single line has any number");
    }

    #[test]
    fn a_table_without_its_columns_is_refused() {
        for text in ["email,name\na@example.com,Ada\n", "", "\n", "\"email,first_name,last_name\na,b,c\n"] {
            assert!(rows(text.as_bytes(), 1).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_handed_in_is_read_or_refused(lines in r#"[a",\r\n]{0,40}"#, bytes: Vec<u8>) {
            read(&bytes);
            let rows = read(lines.as_bytes());
            let lines = lines.split(['\r', '\n']).filter(|line| !line.is_empty()).count();
            prop_assert!(rows.len() <= lines, "no line is read twice");
        }
    }
}
