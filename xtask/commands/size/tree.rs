//! Files by folder, and rectangles for them: as large as what they stand for, and as near to squares as can be (a squarified treemap
//! after Bruls, Huizing and van Wijk).

/// A folder or a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Bytes of all that is in it.
    pub size: u64,
    /// What is in it, the largest first; nothing in a file.
    pub children: Vec<Node>,
}

/// A rectangle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Area {
    /// From the left.
    pub x: f64,
    /// From above.
    pub y: f64,
    /// To the right.
    pub width: f64,
    /// Downwards.
    pub height: f64,
}

impl Node {
    /// The tree of files with these paths and sizes. Empty files have no place on a map, and are left out.
    pub fn of(name: &str, files: impl Iterator<Item = (String, u64)>) -> Self {
        let mut root = Self { name: name.to_owned(), size: 0, children: Vec::new() };
        for (path, size) in files.filter(|(_, size)| *size > 0) {
            root.put(&path, size);
        }
        root.sort();
        root
    }

    fn put(&mut self, path: &str, size: u64) {
        self.size += size;
        let (first, rest) = path.split_once('/').map_or((path, None), |(first, rest)| (first, Some(rest)));
        let at = self.children.iter().position(|child| child.name == first).unwrap_or_else(|| {
            self.children.push(Self { name: first.to_owned(), size: 0, children: Vec::new() });
            self.children.len() - 1
        });
        match rest {
            Some(rest) => self.children[at].put(rest, size),
            None => self.children[at].size += size,
        }
    }

    fn sort(&mut self) {
        self.children.sort_by(|one, two| two.size.cmp(&one.size).then_with(|| one.name.cmp(&two.name)));
        self.children.iter_mut().for_each(Self::sort);
    }

    /// A rectangle for each child, in their order, which fill the whole area.
    pub fn areas(&self, area: Area) -> Vec<Area> {
        let scale = area.width * area.height / self.size.max(1) as f64;
        let sizes: Vec<f64> = self.children.iter().map(|child| child.size as f64 * scale).collect();
        let mut areas = Vec::with_capacity(sizes.len());
        let (mut free, mut rest) = (area, sizes.as_slice());
        while !rest.is_empty() {
            let side = free.width.min(free.height);
            let mut count = 1;
            while count < rest.len() && worst(&rest[..=count], side) <= worst(&rest[..count], side) {
                count += 1;
            }
            let (row, others) = rest.split_at(count);
            free = lay(row, free, &mut areas);
            rest = others;
        }
        areas
    }
}

/// How far from a square the worst rectangle of a row along `side` is: 1 when it is one.
fn worst(row: &[f64], side: f64) -> f64 {
    let sum: f64 = row.iter().sum();
    let (most, least) =
        (row.iter().copied().fold(0.0, f64::max), row.iter().copied().fold(f64::MAX, f64::min));
    (side * side * most / (sum * sum)).max(sum * sum / (side * side * least))
}

/// Lays a row along the shorter side; gives what is left free.
fn lay(row: &[f64], free: Area, areas: &mut Vec<Area>) -> Area {
    let sum: f64 = row.iter().sum();
    let upright = free.width >= free.height;
    let side = if upright { free.height } else { free.width };
    let depth = sum / side;
    let mut at = 0.0;
    for size in row {
        let length = size / depth;
        areas.push(if upright {
            Area { x: free.x, y: free.y + at, width: depth, height: length }
        } else {
            Area { x: free.x + at, y: free.y, width: length, height: depth }
        });
        at += length;
    }
    if upright {
        Area { x: free.x + depth, width: (free.width - depth).max(0.0), ..free }
    } else {
        Area { y: free.y + depth, height: (free.height - depth).max(0.0), ..free }
    }
}
