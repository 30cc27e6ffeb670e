//! The table of access patterns in `docs/data.md`: what is measured is compared with it, and with nothing else.
//!
//! A row is named by its first column: by each operation in it and what is said beside that, and a row that begins with
//! `…` by the row above and what it adds to it.

use std::ops::RangeInclusive;

use tests::Answer;

const DATA: &str = include_str!("../../../../docs/data.md");
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];
/// The rows that tell of no request: what goes on behind.
const BACKGROUND: [&str; 17] = [
    "POST /bulk/users/create, n rows up to 1,000 … each batch of it",
    "n events of one hour, for the audit trail",
    "an event that a mail tells of",
    "an event, for n webhooks that want it",
    "an event, for n webhooks that want it … each attempt of a delivery",
    "an event, for n webhooks that want it … that is answered by 410",
    "an event, for n webhooks that want it … whose endpoint is to be left alone",
    "clean-up, of what expired, each hour",
    "clean-up, of what expired, each hour … of the audit trail",
    "clean-up, of what expired, each hour … of webhooks that took nothing for five days",
    "clean-up, of what expired, each hour … of deliveries that are overdue",
    "clean-up, of what expired, each hour … for each ninety accounts that are listed",
    "clean-up, of what expired, each hour … for each ninety accounts that are counted",
    "clean-up, of what expired, each hour … that were deleted long enough ago",
    "clean-up, of what expired, each hour … that are old enough to have been verified",
    "clean-up, of what expired, each hour … in all, to compare the counters",
    "replay of dead letters",
];

/// What a request was measured to cost.
pub(super) struct Measured {
    /// Its row.
    row: &'static str,
    /// The n of that row, where it has one.
    n: u32,
    calls: u32,
    /// The answer, to tell where the row is wrong.
    text: String,
}

/// A row of the table.
struct Row {
    /// An operation each; or one, where it names none.
    names: Vec<String>,
    /// Whether it only adds to the one above: then it need not be measured of each of its operations.
    adds: bool,
    calls: &'static str,
}

impl Measured {
    /// A request of this row.
    pub(super) fn new(row: &'static str, answer: &Answer) -> Self {
        Self { row, n: 0, calls: answer.calls(), text: answer.text.clone() }
    }

    /// So many of what the row calls n.
    pub(super) fn of(self, n: u32) -> Self {
        Self { n, ..self }
    }

    /// What counts is how many calls it makes more than so many.
    pub(super) fn beside(self, calls: u32) -> Self {
        Self { calls: self.calls - calls, ..self }
    }
}

/// The code and the text of a cell, in turn: first a text.
fn parts(cell: &'static str) -> impl Iterator<Item = (bool, &'static str)> {
    cell.split('`').enumerate().map(|(index, part)| (index % 2 == 1, part))
}

/// The operations that a cell names, and what it says behind the last of them.
fn operations(cell: &'static str) -> (Vec<String>, String) {
    let (mut operations, mut methods, mut rest) = (Vec::new(), Vec::new(), String::new());
    let mut is_complete = false;
    for (is_code, part) in parts(cell) {
        let (method, path) = part.split_once(' ').unwrap_or((part, part));
        let is_method = is_code && METHODS.contains(&method);
        if is_method {
            if is_complete {
                methods.clear();
            }
            methods.push(method);
            is_complete = false;
        }
        if is_code && path.starts_with('/') {
            operations.extend(methods.iter().map(|method| format!("{method} {path}")));
            is_complete = true;
            rest.clear();
        } else if !is_method {
            rest.push_str(part);
        }
    }
    (operations, rest)
}

/// The rows of the table.
fn rows() -> Vec<Row> {
    let section = DATA.split("## Access patterns").nth(1).expect("the page has the section");
    let lines = section.lines().filter(|line| line.starts_with('|')).skip(2);
    let (mut rows, mut above) = (Vec::new(), Vec::new());
    for line in lines {
        let cells: Vec<&'static str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let adds = cells[0].starts_with('…');
        let names = if adds {
            let more = cells[0].replace('`', "");
            above.iter().map(|name| format!("{name} {more}")).collect()
        } else {
            let (operations, rest) = operations(cells[0]);
            above = if operations.is_empty() {
                vec![cells[0].replace('`', "")]
            } else {
                operations.iter().map(|operation| format!("{operation}{rest}")).collect()
            };
            above.clone()
        };
        rows.push(Row { names, adds, calls: cells[2] });
    }
    rows
}

/// What a sum like `2 + 3n + ⌈n/31⌉` is.
fn sum(terms: &str, n: u32) -> u32 {
    let number = |text: &str, otherwise| if text.is_empty() { otherwise } else { text.parse().unwrap() };
    let terms = terms.split(" + ").map(|term| match (term.split_once("⌈n/"), term.strip_suffix('n')) {
        (Some((times, by)), _) => number(times, 1) * n.div_ceil(number(by.trim_end_matches('⌉'), 1)),
        (None, Some(times)) => number(times, 1) * n,
        (None, None) => number(term, 0),
    });
    terms.sum()
}

/// How many calls a row allows.
fn allowed(calls: &str, n: u32) -> RangeInclusive<u32> {
    let calls = calls.trim_end_matches(" more");
    let bounds = calls.split_once(" or ").or_else(|| calls.split_once(" to ")).unwrap_or((calls, calls));
    sum(bounds.0, n)..=sum(bounds.1, n)
}

/// Each request costs what its row says, and each row has requests.
///
/// # Panics
/// When one costs something else, or stands on one side only.
pub(super) fn assert_as_documented(measured: &[Measured]) {
    let rows = rows();
    let mut wrong = Vec::new();
    for Measured { row: name, n, calls, text } in measured {
        match rows.iter().find(|row| row.names.iter().any(|it| it == name)) {
            None => wrong.push(format!("no row: {name}")),
            Some(row) if !allowed(row.calls, *n).contains(calls) => {
                wrong.push(format!("{name}: {calls}, not {}; {text:.200}", row.calls));
            }
            Some(_) => (),
        }
    }
    let is_measured = |name: &String| measured.iter().any(|it| it.row == name);
    let is_background = |row: &&Row| BACKGROUND.contains(&&*row.names[0]);
    let (background, requests): (Vec<_>, Vec<_>) = rows.iter().partition(is_background);
    assert_eq!(background.len(), BACKGROUND.len(), "what goes on behind");
    for Row { names, adds, .. } in requests {
        let missing: Vec<_> = names.iter().filter(|name| !is_measured(name)).collect();
        let is_covered = missing.is_empty() || (*adds && missing.len() < names.len());
        if !is_covered {
            wrong.push(format!("not measured: {missing:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_row_says_for_which_operations_it_holds_and_what_they_cost() {
    let users = ["PUT /users/{id}", "PATCH /users/{id}", "PUT /admin/users/{id}"].map(str::to_owned);
    assert_eq!(
        operations("`PUT`, `PATCH /users/{id}`, `PUT /admin/users/{id}`, one's own"),
        (users.to_vec(), ", one's own".to_owned())
    );
    let login = ["POST /auth/login", "POST /api/users/login"].map(str::to_owned);
    assert_eq!(operations("`POST /auth/login`, `/api/users/login`"), (login.to_vec(), String::new()));
    for (calls, n, expected) in [
        ("3", 0, 3..=3),
        ("2 more", 0, 2..=2),
        ("6 to 8", 0, 6..=8),
        ("1 + ⌈n/31⌉", 62, 3..=3),
        ("8 + 2n", 3, 14..=14),
        ("3 + 2⌈n/100⌉", 101, 7..=7),
    ] {
        assert_eq!(allowed(calls, n), expected, "{calls}");
    }
}
