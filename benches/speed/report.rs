//! Tables of figures and ratios, for `docs/benchmarks.md`.

use std::fmt::Write;

use crate::load::Figures;

/// Rows of figures, a row a contender, each measured in several rounds.
pub struct Table {
    pub name: String,
    title: String,
    columns: Vec<String>,
    rows: Vec<(String, Vec<Figures>)>,
    ratios: Vec<(String, String)>,
    /// Of a millisecond of CPU.
    pub unit: f64,
}

impl Table {
    pub fn new(name: &str, title: &str, columns: &[&str]) -> Self {
        let columns = columns.iter().map(|&column| column.to_owned()).collect();
        Self {
            name: name.to_owned(),
            title: title.to_owned(),
            columns,
            rows: Vec::new(),
            ratios: Vec::new(),
            unit: 1.0,
        }
    }

    pub fn add(&mut self, name: &str, figures: Figures) {
        eprintln!("{}: {name}: {:.1}/s, {:.3} ms CPU", self.name, figures.rate(), cpu_ms(&figures));
        match self.rows.iter_mut().find(|(own, _)| own == name) {
            Some((_, rounds)) => rounds.push(figures),
            None => self.rows.push((name.to_owned(), vec![figures])),
        }
    }

    /// Has the ratio of two rows told.
    pub fn compare(&mut self, name: &str, to: &str) {
        self.ratios.push((name.to_owned(), to.to_owned()));
    }

    fn rounds(&self, name: &str) -> &[Figures] {
        self.rows.iter().find(|(own, _)| own == name).map_or(&[], |(_, rounds)| rounds)
    }
}

fn cpu_ms(figures: &Figures) -> f64 {
    figures.cpu * 1000.0 / figures.count.max(1) as f64
}

fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// All tables.
#[derive(Default)]
pub struct Report {
    tables: Vec<Table>,
}

impl Report {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn add(&mut self, table: Table) {
        self.tables.push(table);
    }

    pub fn print(&self) {
        let mut text = String::new();
        for table in &self.tables {
            describe(&mut text, table).expect("a text can be written to");
        }
        println!("{text}");
    }
}

fn describe(text: &mut String, table: &Table) -> std::fmt::Result {
    writeln!(text, "### {}\n", table.title)?;
    writeln!(text, "| | {} |", table.columns.join(" | "))?;
    writeln!(text, "|---|{}", "---:|".repeat(table.columns.len()))?;
    for (name, rounds) in &table.rows {
        let figure = |of: fn(&Figures) -> f64| median(rounds.iter().map(of));
        writeln!(
            text,
            "| {} | {:.0} | {:.2} | {:.2} | {:.2} | {:.0} |",
            name.trim(),
            figure(Figures::rate),
            figure(cpu_ms) * table.unit,
            figure(|figures| figures.percentile(0.5)),
            figure(|figures| figures.percentile(0.99)),
            figure(|figures| figures.memory),
        )?;
    }
    if !table.ratios.is_empty() {
        writeln!(
            text,
            "\n| ratio, median of the rounds (lowest to highest) | throughput | CPU each |\n|---|---:|---:|"
        )?;
    }
    for (name, to) in &table.ratios {
        // Round by round: what disturbs the machine disturbs both.
        let pairs = || table.rounds(name).iter().zip(table.rounds(to));
        let mut throughput: Vec<f64> = pairs().map(|(one, other)| one.rate() / other.rate()).collect();
        throughput.sort_by(f64::total_cmp);
        let cpu = median(pairs().map(|(one, other)| cpu_ms(one) / cpu_ms(other)));
        let (low, high) =
            (throughput.first().copied().unwrap_or(f64::NAN), throughput.last().copied().unwrap_or(f64::NAN));
        writeln!(
            text,
            "| {} : {} | {:.2} ({low:.2} to {high:.2}) | {cpu:.2} |",
            name.trim(),
            to.trim(),
            median(throughput)
        )?;
    }
    writeln!(text)
}
