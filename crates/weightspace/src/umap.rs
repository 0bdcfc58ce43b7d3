//! UMAP.
