//! Where the boxes of a layered graph go, and the lines between them: columns from left to right, few crossings, lines that
//! are as straight as may be. Pure. After Sugiyama, Tagawa and Toda (1981), with medians replaced by means.

/// From one row of boxes to the next, and between a box and a line that passes.
const BOX: f64 = 62.0;
const LINE: f64 = 22.0;
/// How often orders and heights are improved.
const ROUNDS: usize = 12;

/// Where everything is: heights from 0 downwards, of middles.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// Of each node.
    pub nodes: Vec<f64>,
    /// Of each edge: its height in every column from its first to its last.
    pub edges: Vec<Vec<f64>>,
    /// The height of the whole.
    pub height: f64,
}

/// Something with a place in a column: a node, or the point at which an edge passes.
#[derive(Debug, Clone, Copy)]
struct Vertex {
    column: usize,
    size: f64,
}

/// Lays out nodes, of which the column is given, with edges between them, each from a column to a later one.
pub fn lay(columns: &[usize], edges: &[(usize, usize)]) -> Layout {
    let mut graph = Graph::new(columns, edges);
    graph.order();
    let heights = graph.heights();
    let top =
        heights.iter().zip(&graph.vertices).map(|(y, v)| y - v.size / 2.0).fold(f64::INFINITY, f64::min);
    let bottom = heights.iter().zip(&graph.vertices).map(|(y, v)| y + v.size / 2.0).fold(0.0, f64::max);
    let top = if top.is_finite() { top } else { 0.0 };
    Layout {
        nodes: heights[..columns.len()].iter().map(|y| y - top).collect(),
        edges: graph
            .ways
            .iter()
            .map(|way| way.iter().map(|vertex| heights[*vertex] - top).collect())
            .collect(),
        height: bottom - top,
    }
}

struct Graph {
    vertices: Vec<Vertex>,
    /// For each edge all its vertices, from its first to its last.
    ways: Vec<Vec<usize>>,
    /// For each column its vertices from the top down.
    columns: Vec<Vec<usize>>,
    /// For each vertex those in the next columns, before and behind.
    before: Vec<Vec<usize>>,
    behind: Vec<Vec<usize>>,
}

impl Graph {
    fn new(columns: &[usize], edges: &[(usize, usize)]) -> Self {
        let mut vertices: Vec<Vertex> =
            columns.iter().map(|column| Vertex { column: *column, size: BOX }).collect();
        let mut ways = Vec::new();
        for (from, to) in edges {
            let mut way = vec![*from];
            for column in columns[*from] + 1..columns[*to] {
                way.push(vertices.len());
                vertices.push(Vertex { column, size: LINE });
            }
            way.push(*to);
            ways.push(way);
        }
        let count = columns.iter().max().map_or(0, |last| last + 1);
        let mut rows = vec![Vec::new(); count];
        let (mut before, mut behind) = (vec![Vec::new(); vertices.len()], vec![Vec::new(); vertices.len()]);
        vertices.iter().enumerate().for_each(|(index, vertex)| rows[vertex.column].push(index));
        for pair in ways.iter().flat_map(|way| way.windows(2)) {
            behind[pair[0]].push(pair[1]);
            before[pair[1]].push(pair[0]);
        }
        Self { vertices, ways, columns: rows, before, behind }
    }

    /// Sorts each column by where the neighbours are, forth and back, and keeps the order with the fewest crossings.
    fn order(&mut self) {
        let mut best = (self.crossings(), self.columns.clone());
        for round in 0..ROUNDS {
            let forth = round % 2 == 0;
            let place = |columns: &[Vec<usize>]| {
                let mut place = vec![0.0; self.vertices.len()];
                for column in columns {
                    column.iter().enumerate().for_each(|(row, vertex)| place[*vertex] = row as f64);
                }
                place
            };
            let count = self.columns.len();
            for step in 1..count {
                let column = if forth { step } else { count - 1 - step };
                let place = place(&self.columns);
                let neighbours = if forth { &self.before } else { &self.behind };
                let key = |vertex: &usize| mean(&neighbours[*vertex], &place).unwrap_or(place[*vertex]);
                let mut row = std::mem::take(&mut self.columns[column]);
                row.sort_by(|a, b| key(a).total_cmp(&key(b)));
                self.columns[column] = row;
            }
            let crossings = self.crossings();
            if crossings < best.0 {
                best = (crossings, self.columns.clone());
            }
        }
        self.columns = best.1;
    }

    fn crossings(&self) -> usize {
        let mut row_of = vec![0; self.vertices.len()];
        for column in &self.columns {
            column.iter().enumerate().for_each(|(row, vertex)| row_of[*vertex] = row);
        }
        let mut crossings = 0;
        for column in &self.columns {
            let lines: Vec<(usize, usize)> = column
                .iter()
                .flat_map(|from| self.behind[*from].iter().map(|to| (row_of[*from], row_of[*to])))
                .collect();
            for (index, (a, b)) in lines.iter().enumerate() {
                crossings +=
                    lines[index + 1..].iter().filter(|(c, d)| (a < c && b > d) || (a > c && b < d)).count();
            }
        }
        crossings
    }

    /// Moves each vertex towards its neighbours, as far as those above and below it leave room.
    fn heights(&self) -> Vec<f64> {
        let mut heights = vec![0.0; self.vertices.len()];
        for column in &self.columns {
            self.place(column, &vec![0.0; column.len()], &mut heights);
        }
        for round in 0..ROUNDS {
            let order: Vec<usize> = if round % 2 == 0 {
                (0..self.columns.len()).collect()
            } else {
                (0..self.columns.len()).rev().collect()
            };
            for column in order {
                let column = &self.columns[column];
                let wish = |vertex: &usize| {
                    let all: Vec<usize> =
                        self.before[*vertex].iter().chain(&self.behind[*vertex]).copied().collect();
                    mean(&all, &heights).unwrap_or(heights[*vertex])
                };
                let wishes: Vec<f64> = column.iter().map(wish).collect();
                self.place(column, &wishes, &mut heights);
            }
        }
        heights
    }

    /// Places a column's vertices in their order, as near to the wishes as their sizes allow: each one's wish is lowered to
    /// where it has room below those above it, and what that moved them all is taken back at the end.
    fn place(&self, column: &[usize], wishes: &[f64], heights: &mut [f64]) {
        let mut bottom = f64::NEG_INFINITY;
        let mut moved = 0.0;
        for (vertex, wish) in column.iter().zip(wishes) {
            let half = self.vertices[*vertex].size / 2.0;
            let at = wish.max(bottom + half);
            moved += at - wish;
            bottom = at + half;
            heights[*vertex] = at;
        }
        let back = moved / column.len().max(1) as f64;
        column.iter().for_each(|vertex| heights[*vertex] -= back);
    }
}

fn mean(vertices: &[usize], values: &[f64]) -> Option<f64> {
    let sum: f64 = vertices.iter().map(|vertex| values[*vertex]).sum();
    (!vertices.is_empty()).then(|| sum / vertices.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_straight_and_a_fork_is_even() {
        let row = lay(&[0, 1, 2], &[(0, 1), (1, 2)]);
        assert_eq!(row.nodes, [BOX / 2.0; 3]);
        let fork = lay(&[0, 0, 1], &[(0, 2), (1, 2)]);
        assert_eq!((fork.nodes[2] - fork.nodes[0]).abs(), (fork.nodes[1] - fork.nodes[2]).abs());
        assert_eq!(fork.height, 2.0 * BOX);
    }

    #[test]
    fn lines_that_need_not_cross_do_not() {
        // Drawn as given, each line would cross each other one.
        let layout = lay(&[0, 0, 0, 1, 1, 1], &[(0, 5), (1, 4), (2, 3)]);
        let mut graph = Graph::new(&[0, 0, 0, 1, 1, 1], &[(0, 5), (1, 4), (2, 3)]);
        assert_eq!(graph.crossings(), 3);
        graph.order();
        assert_eq!(graph.crossings(), 0);
        assert_eq!((layout.nodes[0], layout.nodes[1]), (layout.nodes[5], layout.nodes[4]));
    }

    #[test]
    fn boxes_never_overlap_and_a_long_line_has_room_of_its_own() {
        let columns = [0, 1, 2, 0, 1];
        let layout = lay(&columns, &[(0, 1), (1, 2), (0, 2), (3, 4), (4, 2)]);
        assert_eq!(layout.edges[2].len(), 3);
        for (a, first) in layout.nodes.iter().enumerate() {
            for (b, second) in layout.nodes.iter().enumerate().skip(a + 1) {
                assert!(columns[a] != columns[b] || (first - second).abs() >= BOX - 1e-9, "{layout:?}");
            }
        }
        let passes = layout.edges[2][1];
        assert!([1, 4].iter().all(|node| (layout.nodes[*node] - passes).abs() >= (BOX + LINE) / 2.0 - 1e-9));
        assert!(layout.nodes.iter().all(|y| (0.0..=layout.height).contains(y)));
    }

    #[test]
    fn nothing_takes_no_room() {
        assert_eq!(lay(&[], &[]), Layout { nodes: Vec::new(), edges: Vec::new(), height: 0.0 });
    }
}
