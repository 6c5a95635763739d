//! The table of an image's layers, for people.

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
