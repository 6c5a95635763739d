//! Tables for people: the one of an image's layers, and any other.

use medic_image::SizeTable;

const HEADINGS: [&str; 4] = ["layer", "compressed", "unpacked", "files"];

/// The table: a line a layer, and the sum.
pub fn render(table: &SizeTable) -> String {
    let name = |row: &medic_image::report::SizeRow| match &row.version {
        Some(version) => format!("{} {version}", row.name),
        None => row.name.clone(),
    };
    let mut rows = vec![HEADINGS.map(str::to_owned)];
    for row in &table.rows {
        rows.push([
            name(row),
            row.compressed.to_string(),
            row.uncompressed.to_string(),
            row.files.to_string(),
        ]);
    }
    rows.push([
        "total".to_owned(),
        table.compressed.to_string(),
        table.uncompressed.to_string(),
        table.files.to_string(),
    ]);
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2), width(3)];
    let line = |row: &[String; 4]| {
        let [name, compressed, unpacked, files] = row;
        format!(
            "  {name:<0$}  {compressed:>1$}  {unpacked:>2$}  {files:>3$}\n",
            widths[0], widths[1], widths[2], widths[3]
        )
    };
    rows.iter().map(line).collect()
}

/// Lines of columns, each as wide as its widest text and two spaces from the next; those of `numbers` stand to the right. Characters
/// are counted, so a wide one moves what is behind it.
pub fn columns(rows: &[Vec<String>], numbers: &[usize]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let texts = rows.iter().filter_map(|row| row.get(column));
        texts.map(|text| text.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (text, width))| {
            if numbers.contains(&column) { format!("{text:>width$}") } else { format!("{text:<width$}") }
        });
        format!("  {}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::columns;

    #[test]
    fn columns_are_as_wide_as_they_must_be() {
        let row = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
        let rows = [row(&["a", "1", "x"]), row(&["long", "100"]), row(&["é", "20", "y"])];
        assert_eq!(columns(&rows, &[1]), "  a       1  x\n  long  100\n  é      20  y\n");
        assert_eq!(columns(&[], &[]), "");
    }
}
