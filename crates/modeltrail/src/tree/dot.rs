//! The trees in Graphviz's DOT language.

use super::{Edge, Tree};
use crate::printable::printable;
use petgraph::dot::{Config, Dot};
use petgraph::graph::DiGraph;

impl Tree {
    /// All families as one graph. An edge whose direction is not known has no arrow.
    pub fn to_dot(&self) -> String {
        let mut graph: DiGraph<String, &Edge> = DiGraph::new();
        for family in &self.families {
            let nodes: Vec<_> = family
                .models
                .iter()
                .map(|model| graph.add_node(printable(&model.name)))
                .collect();
            for edge in &family.edges {
                if let (Some(&from), Some(&to)) = (nodes.get(edge.from), nodes.get(edge.to)) {
                    graph.add_edge(from, to, edge);
                }
            }
        }
        let of_edge = |_: &DiGraph<String, &Edge>,
                       edge: petgraph::graph::EdgeReference<'_, &Edge>| {
            let edge = edge.weight();
            let arrow = if edge.is_directed { "" } else { ", dir = none" };
            format!("label = {:?}{arrow}", edge.made.detail)
        };
        let of_node =
            |_: &DiGraph<String, &Edge>, (_, name): (_, &String)| format!("label = {name:?}");
        let config = [Config::EdgeNoLabel, Config::NodeNoLabel];
        let dot = Dot::with_attr_getters(&graph, &config, &of_edge, &of_node);
        format!("{dot:?}")
    }
}
