//! Compares the dependencies of the workspace with the table of the architecture.

use std::collections::BTreeSet;

use super::graph::{Graph, Member};
use super::table::{FOR_TESTS, OWNED, ROWS, UNREACHABLE};

/// Every difference, as a line that says what to do about it.
pub(super) fn check(graph: &Graph) -> Vec<String> {
    let mut findings = Vec::new();
    for row in &ROWS {
        if !graph.members.iter().any(|member| member.package == row.package) {
            findings.push(format!("{}: the crate of the table is missing ({})", row.folder, row.package));
        }
    }
    for member in &graph.members {
        findings.extend(check_row(graph, member));
        findings.extend(check_owned(member));
    }
    for (package, forbidden) in UNREACHABLE {
        let reach = graph.reach(package);
        findings.extend(forbidden.iter().filter(|name| reach.contains(**name)).map(|name| {
            format!("{package}: reaches {name} through its dependencies, which the architecture forbids")
        }));
    }
    findings
}

fn check_row(graph: &Graph, member: &Member) -> Vec<String> {
    let Some(row) = ROWS.iter().find(|row| row.package == member.package) else {
        return vec![format!(
            "{}: {} is not in the table of docs/architecture.md",
            member.folder, member.package
        )];
    };
    let mut findings = Vec::new();
    if row.folder != member.folder {
        findings.push(format!("{}: {} belongs in {}", member.folder, member.package, row.folder));
    }
    let own: BTreeSet<&str> = graph.members.iter().map(|member| member.package.as_str()).collect();
    let arrows = |names: &BTreeSet<String>| -> Vec<String> {
        names.iter().filter(|name| own.contains(name.as_str())).cloned().collect()
    };
    for name in arrows(&member.uses) {
        if !row.may_use.contains(&name.as_str()) {
            findings.push(format!("{}: must not use {name}", member.folder));
        }
    }
    for name in arrows(&member.tests_use) {
        if !row.may_use.contains(&name.as_str()) && !FOR_TESTS.contains(&name.as_str()) {
            findings.push(format!("{}: must not use {name}, not even in its tests", member.folder));
        }
    }
    findings
}

fn check_owned(member: &Member) -> Vec<String> {
    let named: BTreeSet<&str> = member.uses.union(&member.tests_use).map(String::as_str).collect();
    let foreign = OWNED
        .iter()
        .filter(|(library, owners)| named.contains(library) && !owners.contains(&member.package.as_str()));
    foreign
        .map(|(library, owners)| {
            format!("{}: only {} may name {library}", member.folder, owners.join(" and "))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A workspace that has exactly the crates and arrows of the table.
    fn as_in_the_table() -> Graph {
        let names = |list: &[&str]| list.iter().map(ToString::to_string).collect::<BTreeSet<String>>();
        let member = |row: &super::super::table::Row| Member {
            package: row.package.to_owned(),
            folder: row.folder.to_owned(),
            uses: names(row.may_use),
            tests_use: names(&FOR_TESTS),
        };
        let mut graph = Graph { members: ROWS.iter().map(member).collect(), ..Graph::default() };
        graph.links =
            graph.members.iter().map(|member| (member.package.clone(), member.uses.clone())).collect();
        link(&mut graph, "premise-store", "diesel");
        link(&mut graph, "premise-broker", "lapin");
        graph
    }

    fn link(graph: &mut Graph, from: &str, to: &str) {
        graph.links.entry(from.to_owned()).or_default().insert(to.to_owned());
    }

    fn uses(graph: &mut Graph, from: &str, to: &str) {
        let member = graph.members.iter_mut().find(|member| member.package == from).unwrap();
        member.uses.insert(to.to_owned());
    }

    #[test]
    fn the_table_itself_is_tidy() {
        assert_eq!(check(&as_in_the_table()), Vec::<String>::new());
    }

    #[test]
    fn an_arrow_that_is_not_in_the_table_is_found() {
        let mut graph = as_in_the_table();
        uses(&mut graph, "webhook-ingest", "premise-store");
        assert_eq!(check(&graph), ["crates/webhook-ingest: must not use premise-store"]);
    }

    #[test]
    fn tests_may_use_the_testkit_and_nothing_else_does() {
        let mut graph = as_in_the_table();
        uses(&mut graph, "sync-worker", "premise-testkit");
        assert_eq!(check(&graph), ["crates/sync-worker: must not use premise-testkit"]);

        let mut graph = as_in_the_table();
        let member = graph.members.iter_mut().find(|member| member.package == "ops-api").unwrap();
        member.tests_use.insert("ppb-sim".to_owned());
        assert_eq!(check(&graph), ["crates/ops-api: must not use ppb-sim, not even in its tests"]);
    }

    #[test]
    fn a_library_has_one_owner() {
        let mut graph = as_in_the_table();
        uses(&mut graph, "sync-worker", "lapin");
        let findings = check(&graph);
        assert_eq!(findings, ["crates/sync-worker: only premise-broker and premise-testkit may name lapin"]);
    }

    #[test]
    fn a_chain_of_dependencies_is_followed() {
        let mut graph = as_in_the_table();
        link(&mut graph, "premise-runtime", "some-pool");
        link(&mut graph, "some-pool", "tokio-postgres");
        let findings = check(&graph);
        assert!(findings.iter().any(|finding| finding.starts_with("webhook-ingest: reaches tokio-postgres")));
        assert!(
            findings.iter().any(|finding| finding.starts_with("premise-runtime: reaches tokio-postgres"))
        );
    }

    #[test]
    fn crates_and_folders_are_those_of_the_table() {
        let mut graph = as_in_the_table();
        graph.members[0].folder = "domain".to_owned();
        let gone = graph.members.remove(1);
        graph.members.push(Member {
            package: "helpers".to_owned(),
            folder: "crates/helpers".to_owned(),
            ..gone
        });
        assert_eq!(
            check(&graph),
            [
                "crates/broker: the crate of the table is missing (premise-broker)",
                "domain: premise-domain belongs in crates/domain",
                "crates/helpers: helpers is not in the table of docs/architecture.md",
            ]
        );
    }
}
