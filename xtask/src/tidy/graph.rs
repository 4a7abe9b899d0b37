//! The dependencies of the workspace as cargo sees them, cut down to what the arrows need.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context as _;
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

/// A crate of the workspace and what its manifest names.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) package: String,
    pub(super) folder: String,
    /// Normal and build dependencies.
    pub(super) uses: BTreeSet<String>,
    /// Development dependencies.
    pub(super) tests_use: BTreeSet<String>,
}

/// Members, and for every package the packages it links.
#[derive(Clone, Debug, Default)]
pub(super) struct Graph {
    pub(super) members: Vec<Member>,
    pub(super) links: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    pub(super) fn read(root: &Path) -> anyhow::Result<Self> {
        let metadata = MetadataCommand::new().manifest_path(root.join("Cargo.toml")).exec();
        let metadata = metadata.context("cargo metadata")?;
        Ok(Self { members: members(&metadata), links: links(&metadata) })
    }

    /// Everything that `package` links, directly or not.
    pub(super) fn reach(&self, package: &str) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        let mut open = vec![package];
        while let Some(next) = open.pop() {
            for linked in self.links.get(next).into_iter().flatten() {
                if found.insert(linked.as_str()) {
                    open.push(linked);
                }
            }
        }
        found
    }
}

fn members(metadata: &Metadata) -> Vec<Member> {
    let member = |package: &cargo_metadata::Package| {
        let folder = package
            .manifest_path
            .parent()
            .map(|folder| folder.strip_prefix(&metadata.workspace_root).unwrap_or(folder).to_string());
        let named = |development: bool| {
            let kind = move |kind| (kind == DependencyKind::Development) == development;
            let dependencies = package.dependencies.iter().filter(move |dependency| kind(dependency.kind));
            dependencies.map(|dependency| dependency.name.clone()).collect()
        };
        Member {
            package: package.name.to_string(),
            folder: folder.unwrap_or_default(),
            uses: named(false),
            tests_use: named(true),
        }
    };
    metadata.workspace_packages().into_iter().map(member).collect()
}

fn links(metadata: &Metadata) -> BTreeMap<String, BTreeSet<String>> {
    let mut links: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for node in metadata.resolve.iter().flat_map(|resolve| &resolve.nodes) {
        let linked = node
            .deps
            .iter()
            .filter(|dependency| dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal));
        let names = linked.map(|dependency| metadata[&dependency.pkg].name.to_string());
        links.entry(metadata[&node.id].name.to_string()).or_default().extend(names);
    }
    links
}
