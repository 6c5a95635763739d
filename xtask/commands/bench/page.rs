//! `docs/benchmarks.md`: the tables between their marks are replaced, what people wrote around them stays.

use std::path::Path;

use super::facts::Facts;
use super::figure::Row;
use super::measure::BenchError;
use super::table::markdown;

/// The page, below the workspace.
const PAGE: &str = "docs/benchmarks.md";

/// Puts tables into the page.
///
/// # Errors
/// It cannot be read or written, or has no place for a table.
pub fn update(workspace: &Path, facts: &Facts, done: &[(&str, Vec<Row>)]) -> Result<(), BenchError> {
    let path = workspace.join(PAGE);
    let mut text = std::fs::read_to_string(&path).map_err(BenchError::file(&path))?;
    for (name, rows) in done {
        let table = format!("{}\nMeasured: {facts}.\n", markdown(rows));
        text = replaced(&text, name, &table).ok_or_else(|| BenchError::Failed {
            what: format!("updating {PAGE}"),
            message: format!("it has no '<!-- {name} -->' with '<!-- end -->' after it"),
        })?;
    }
    std::fs::write(&path, text).map_err(BenchError::file(&path))
}

/// The text with another table between `<!-- name -->` and the next `<!-- end -->`.
fn replaced(text: &str, name: &str, table: &str) -> Option<String> {
    let mark = format!("<!-- {name} -->\n");
    let start = text.find(&mark)? + mark.len();
    let end = start + text[start..].find("<!-- end -->")?;
    Some(format!("{}{table}{}", &text[..start], &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_replaced_in_its_place_only() {
        let text = "a\n<!-- x -->\nold\n<!-- end -->\nb\n<!-- y -->\nkept\n<!-- end -->\n";
        let expected = "a\n<!-- x -->\nnew\n<!-- end -->\nb\n<!-- y -->\nkept\n<!-- end -->\n";
        assert_eq!(replaced(text, "x", "new\n").as_deref(), Some(expected));
        assert_eq!(replaced(text, "z", "new\n"), None);
    }

    #[test]
    fn the_page_has_a_place_for_each_benchmark() {
        let page = include_str!("../../../docs/benchmarks.md");
        for name in super::super::Name::ALL {
            assert!(replaced(page, name.text(), "").is_some(), "no place for {}", name.text());
        }
    }
}
