//! Reads what `cargo tree --prefix depth` prints. It knows nothing of our crates.

/// The dependencies of one package, in the order in which Cargo walks them.
#[derive(Debug)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
}

#[derive(Debug)]
struct Node {
    depth: usize,
    name: String,
}

impl Tree {
    /// Lines such as `2tokio v1.48.0 (*)`; a crate's name never begins with a digit.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let nodes: Option<Vec<Node>> = text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| {
                let name_at = line.find(|character: char| !character.is_ascii_digit())?;
                let (depth, rest) = line.split_at(name_at);
                let name = rest.split_whitespace().next()?.to_owned();
                Some(Node {
                    depth: depth.parse().ok()?,
                    name,
                })
            })
            .collect();
        nodes
            .filter(|nodes| !nodes.is_empty())
            .map(|nodes| Self { nodes })
    }

    /// The names of what the package uses directly.
    pub(crate) fn direct(&self) -> impl Iterator<Item = &str> {
        self.nodes
            .iter()
            .filter(|node| node.depth == 1)
            .map(|node| node.name.as_str())
    }

    /// How the package comes to use `name`, if it does: the first way that Cargo prints.
    pub(crate) fn route_to(&self, name: &str) -> Option<String> {
        let mut way: Vec<&str> = Vec::new();
        for node in &self.nodes {
            way.truncate(node.depth);
            way.push(&node.name);
            if node.name == name {
                return Some(way.join(" → "));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "0seal-api v0.1.0 (/x/seal-api)\n1kube v5.0.0\n2kube-core v5.0.0\n3http v1.4.0\n\
                        1serde v1.0.228\n2serde_derive v1.0.228 (proc-macro)\n1seal-core v0.1.0 (/x/seal-core) (*)\n";

    #[test]
    fn direct_dependencies_are_those_one_step_away() {
        let tree = Tree::parse(TEXT).unwrap();
        assert_eq!(tree.direct().collect::<Vec<_>>(), ["kube", "serde", "seal-core"]);
    }

    #[test]
    fn route_names_every_step() {
        let tree = Tree::parse(TEXT).unwrap();
        assert_eq!(
            tree.route_to("http").unwrap(),
            "seal-api → kube → kube-core → http"
        );
        assert_eq!(tree.route_to("seal-core").unwrap(), "seal-api → seal-core");
        assert_eq!(tree.route_to("tokio"), None);
    }

    #[test]
    fn text_that_is_no_tree_is_refused() {
        assert!(Tree::parse("").is_none());
        assert!(Tree::parse("error: no such package\n").is_none());
    }
}
