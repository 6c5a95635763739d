//! Tables of rows: for a terminal, and in Markdown. Pure.

use super::figure::Row;

const HEADINGS: [&str; 6] = ["", "ours", "compared with", "", "ratio", "target"];

/// For a terminal: columns under headings, below the benchmark's name.
pub fn plain(name: &str, rows: &[Row]) -> String {
    let mut lines = vec![HEADINGS.map(str::to_owned)];
    lines[0][0] = name.to_owned();
    lines.extend(rows.iter().map(Row::cells));
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEADINGS.len()).map(width).collect();
    let line = |line: &[String; 6]| {
        let cells: Vec<String> =
            line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cells.join("  ").trim_end().to_owned() + "\n"
    };
    lines.iter().map(line).collect()
}

/// In Markdown.
pub fn markdown(rows: &[Row]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let escaped = |cells: [String; 6]| cells.map(|cell| cell.replace('|', "\\|"));
    let mut text = line(&HEADINGS.map(str::to_owned)) + "| --- | ---: | --- | ---: | ---: | --- |\n";
    text.extend(rows.iter().map(|row| line(&escaped(row.cells()))));
    text
}

#[cfg(test)]
mod tests {
    use super::super::figure::{Figure, Target};
    use super::*;
    use std::time::Duration;

    fn rows() -> Vec<Row> {
        let seconds = |s| Figure::seconds([Duration::from_secs(s)]);
        let peer = Some(("tar | zstd".to_owned(), seconds(4)));
        vec![
            Row { case: "packing".to_owned(), ours: seconds(2), peer, target: Target::Ratio(1.05) },
            Row { case: "nothing to do".to_owned(), ours: seconds(1), peer: None, target: Target::Most(0.3) },
        ]
    }

    #[test]
    fn tables_are_aligned_and_missed_targets_named() {
        let expected = "\
x              ours    compared with          ratio  target
packing        2.00 s  tar | zstd     4.00 s  0.50   ≤ 1.05: met
nothing to do  1.00 s                                ≤ 300.0 ms: missed
";
        assert_eq!(plain("x", &rows()), expected);
        let expected = "\
|  | ours | compared with |  | ratio | target |
| --- | ---: | --- | ---: | ---: | --- |
| packing | 2.00 s | tar \\| zstd | 4.00 s | 0.50 | ≤ 1.05: met |
| nothing to do | 1.00 s |  |  |  | ≤ 300.0 ms: missed |
";
        assert_eq!(markdown(&rows()), expected);
    }
}
