//! Which component needs which, and an order in which they can be built. Pure.

use std::collections::{BTreeMap, BTreeSet};

use medic_model::ComponentName;
use medic_model::recipe::Recipe;

use crate::definitions::DefinitionError;

/// Components, each after all that it needs.
#[derive(Debug, Clone)]
pub struct Graph {
    recipes: BTreeMap<ComponentName, Recipe>,
    order: Vec<ComponentName>,
}

impl Graph {
    /// The graph of recipes, all that they need included.
    ///
    /// # Errors
    /// [`DefinitionError::Cycle`].
    ///
    /// # Panics
    /// When a recipe needs one that is not there: [`crate::definitions::Definitions::recipes`] never gives such.
    pub fn new(recipes: BTreeMap<ComponentName, Recipe>) -> Result<Self, DefinitionError> {
        let mut order = Vec::with_capacity(recipes.len());
        let mut done = BTreeSet::new();
        for name in recipes.keys() {
            visit(&recipes, name, &mut Vec::new(), &mut done, &mut order)?;
        }
        Ok(Self { recipes, order })
    }

    /// Every component, each after all that it needs.
    pub fn order(&self) -> &[ComponentName] {
        &self.order
    }

    /// The recipe of a component of the graph.
    ///
    /// # Panics
    /// When the component is not of the graph.
    pub fn recipe(&self, name: &ComponentName) -> &Recipe {
        &self.recipes[name]
    }

    /// All that a component needs, directly and indirectly, in the graph's order. It sees all of it while it is built: a
    /// static library does not hold what it needs itself.
    pub fn closure(&self, name: &ComponentName) -> Vec<&ComponentName> {
        let mut needed = BTreeSet::new();
        let mut open: Vec<&ComponentName> = self.recipe(name).needs.iter().collect();
        while let Some(need) = open.pop() {
            if needed.insert(need) {
                open.extend(&self.recipe(need).needs);
            }
        }
        self.order.iter().filter(|name| needed.contains(name)).collect()
    }
}

/// Depth first: `path` is how we came here.
fn visit<'a>(
    recipes: &'a BTreeMap<ComponentName, Recipe>,
    name: &'a ComponentName,
    path: &mut Vec<&'a ComponentName>,
    done: &mut BTreeSet<&'a ComponentName>,
    order: &mut Vec<ComponentName>,
) -> Result<(), DefinitionError> {
    if done.contains(name) {
        return Ok(());
    }
    if let Some(start) = path.iter().position(|on_path| *on_path == name) {
        let circle = path[start..].iter().copied().chain([name]).cloned().collect();
        return Err(DefinitionError::Cycle { circle });
    }
    path.push(name);
    for need in &recipes[name].needs {
        visit(recipes, need, path, done, order)?;
    }
    path.pop();
    done.insert(name);
    order.push(name.clone());
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A recipe that needs these.
    pub(crate) fn recipe(name: &str, needs: &[&str]) -> Recipe {
        let text = format!(
            "name: {name}\nversion: \"1\"\nreleased: 2026-01-01\nsummary: x\nhomepage: https://example.org\nlicence: Zlib\nneeds: [{}]\nsteps:\n  - {{name: build, run: make}}\n",
            needs.join(", ")
        );
        Recipe::from_yaml("recipe.yaml", &text).expect("valid")
    }

    /// The graph of these components with their needs.
    pub(crate) fn graph(components: &[(&str, &[&str])]) -> Result<Graph, DefinitionError> {
        Graph::new(
            components
                .iter()
                .map(|(name, needs)| (name.parse().expect("a name"), recipe(name, needs)))
                .collect(),
        )
    }

    fn names<'a>(names: impl IntoIterator<Item = &'a ComponentName>) -> Vec<&'a str> {
        names.into_iter().map(ComponentName::as_str).collect()
    }

    #[test]
    fn needs_come_first_and_are_seen_whole() {
        let components: [(&str, &[&str]); 4] =
            [("a-image", &["openssl", "zlib"]), ("openssl", &["zlib"]), ("zlib", &["z"]), ("z", &[])];
        let graph = graph(&components).expect("no cycle");
        assert_eq!(names(graph.order()), ["z", "zlib", "openssl", "a-image"]);
        assert_eq!(names(graph.closure(&"openssl".parse().expect("a name"))), ["z", "zlib"]);
        assert_eq!(names(graph.closure(&"z".parse().expect("a name"))), [""; 0]);
    }

    #[test]
    fn a_circle_is_shown_whole_with_its_files() {
        let error = graph(&[
            ("first", &["hello"]),
            ("hello", &["second"]),
            ("second", &["third"]),
            ("third", &["hello"]),
        ])
        .expect_err("a circle")
        .to_string();
        assert_eq!(
            error,
            "components need each other in a circle: hello → second → third → hello; remove one 'needs' in \
             recipes/second/recipe.yaml, recipes/third/recipe.yaml, recipes/hello/recipe.yaml"
        );
    }
}
