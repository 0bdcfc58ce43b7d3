//! The trees as one picture.

use super::{Edge, Family, Tree};
use report::family_tree::{Link, Node, family_tree};

impl Tree {
    /// All families of two models and more, as SVG.
    pub fn to_svg(&self) -> String {
        let mut nodes = Vec::new();
        let mut links = Vec::new();
        for family in self
            .families
            .iter()
            .filter(|family| family.models.len() > 1)
        {
            let first = nodes.len();
            nodes.extend(family.models.iter().map(|model| Node {
                name: model.name.clone(),
            }));
            links.extend(family.edges.iter().map(|edge| link(edge, first)));
        }
        let alone = self
            .families
            .iter()
            .filter(|family| family.models.len() == 1);
        let alone = alone.flat_map(|family: &Family| &family.models);
        nodes.extend(alone.map(|model| Node {
            name: model.name.clone(),
        }));
        family_tree(&nodes, &links)
    }
}

fn link(edge: &Edge, first: usize) -> Link {
    Link {
        from: first + edge.from,
        to: first + edge.to,
        label: edge.made.detail.clone(),
        is_directed: edge.is_directed,
    }
}
