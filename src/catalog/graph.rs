//! The order of tables: parents before children, cycles together.

use std::collections::{BTreeMap, BTreeSet};

use crate::sql::QualifiedName;

/// Groups nodes so that what a node depends on comes before it; nodes that depend on each other share a group.
///
/// `needs` maps each node to the nodes it depends on; nodes it names but does not hold are ignored.
/// Groups and their members are in a stable order (Tarjan's algorithm over ordered maps).
#[must_use]
pub fn in_dependency_order(needs: &BTreeMap<QualifiedName, BTreeSet<QualifiedName>>) -> Vec<Vec<QualifiedName>> {
    let mut search = Search { needs, index: BTreeMap::new(), low: BTreeMap::new(), stack: Vec::new(), groups: Vec::new() };
    for node in needs.keys() {
        if !search.index.contains_key(node) {
            search.visit(node);
        }
    }
    search.groups
}

struct Search<'a> {
    needs: &'a BTreeMap<QualifiedName, BTreeSet<QualifiedName>>,
    index: BTreeMap<&'a QualifiedName, usize>,
    low: BTreeMap<&'a QualifiedName, usize>,
    stack: Vec<&'a QualifiedName>,
    groups: Vec<Vec<QualifiedName>>,
}

impl<'a> Search<'a> {
    /// Visits without recursion: a chain of a thousand tables must not end the program's stack.
    fn visit(&mut self, root: &'a QualifiedName) {
        let mut path = vec![(root, self.enter(root))];
        while let Some((node, rest)) = path.last_mut() {
            let node = *node;
            if let Some(next) = rest.pop() {
                if !self.index.contains_key(next) {
                    let further = self.enter(next);
                    path.push((next, further));
                } else if self.stack.contains(&next) {
                    self.lower(node, self.index[next]);
                }
                continue;
            }
            path.pop();
            if let Some((parent, _)) = path.last() {
                self.lower(parent, self.low[node]);
            }
            if self.low[node] == self.index[node] {
                self.close(node);
            }
        }
    }

    fn enter(&mut self, node: &'a QualifiedName) -> Vec<&'a QualifiedName> {
        let at = self.index.len();
        self.index.insert(node, at);
        self.low.insert(node, at);
        self.stack.push(node);
        self.needs[node].iter().rev().filter_map(|need| self.needs.get_key_value(need).map(|(key, _)| key)).collect()
    }

    fn lower(&mut self, node: &'a QualifiedName, to: usize) {
        if let Some(low) = self.low.get_mut(node) {
            *low = (*low).min(to);
        }
    }

    fn close(&mut self, root: &QualifiedName) {
        let mut group = Vec::new();
        while let Some(node) = self.stack.pop() {
            group.push(node.clone());
            if node == root {
                break;
            }
        }
        group.sort();
        self.groups.push(group);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(edges: &[(&str, &[&str])]) -> Vec<Vec<String>> {
        let name = |text: &str| format!("s.{text}").parse::<QualifiedName>().unwrap();
        let needs = edges.iter().map(|(node, needs)| (name(node), needs.iter().map(|n| name(n)).collect())).collect();
        in_dependency_order(&needs).into_iter().map(|g| g.into_iter().map(|n| n.name.plain().to_owned()).collect()).collect()
    }

    #[test]
    fn parents_come_before_children() {
        assert_eq!(order(&[("a", &["b"]), ("b", &["c"]), ("c", &[])]), [["c"], ["b"], ["a"]]);
    }

    #[test]
    fn a_table_that_references_itself_is_a_group_of_one() {
        assert_eq!(order(&[("a", &["a"])]), [["a"]]);
    }

    #[test]
    fn a_cycle_is_one_group_before_what_depends_on_it() {
        assert_eq!(order(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"])]), [vec!["b", "c"], vec!["a"]]);
    }

    #[test]
    fn a_long_chain_does_not_overflow() {
        let names: Vec<String> = (0..5000).map(|n| format!("t{n:05}")).collect();
        let needs: Vec<[&str; 1]> = (0..5000).map(|n| [names[(n + 1).min(4999)].as_str()]).collect();
        let edges: Vec<(&str, &[&str])> = (0..5000).map(|n| (names[n].as_str(), needs[n].as_slice())).collect();
        assert_eq!(order(&edges)[0], ["t04999"]);
    }
}
