//! From a tree to a [`Pattern`]: sections, fields and `$or`.
//!
//! Nothing stops at the first fault: an operator wants to see them all.

use super::contradiction::contradictions;
use super::draft::FieldDraft;
use super::findings::{PatternFinding, join};
use super::formula::Formula;
use super::message;
use super::operator::{self, OPERATORS};
use super::tree::{Member, Node, Tree};
use super::{ALTERNATIVES_LIMIT, DEPTH_LIMIT, Field, Pattern};
use crate::path::Path;

const OR: &str = "$or";

/// Operators whose operand looks like a field's list, and which no attribute is called.
const NO_FIELDS: [&str; 3] = ["anything-but", "equals-ignore-case", "numeric"];

/// Collects the fields and the findings of a pattern.
#[derive(Default)]
struct Draft {
    fields: Vec<FieldDraft>,
    findings: Vec<PatternFinding>,
    /// The place and the key of the last `$or`.
    last_or: Option<(usize, String)>,
}

/// A section that is read.
struct Section<'a> {
    at: usize,
    key: &'a str,
    members: &'a [Member],
    /// How many sections and `$or`s it lies in.
    depth: usize,
    /// Whether it lies in a branch of `$or`.
    is_in_or: bool,
}

/// The pattern that `tree` stands for; `root` is its key.
pub(super) fn parse(root: &str, tree: &Node) -> Result<Pattern, Vec<PatternFinding>> {
    let mut draft = Draft::default();
    let formula = draft.root(root, tree);
    if let Some(formula) = formula.filter(|_| draft.findings.is_empty()) {
        draft.check_alternatives(&formula);
        if draft.findings.is_empty() {
            let fields = draft.fields.into_iter().map(|draft| draft.field).collect();
            return Ok(Pattern { text: tree.to_string(), fields, formula });
        }
    }
    draft.findings.sort_by_key(|finding| finding.at);
    Err(draft.findings)
}

impl Draft {
    fn root(&mut self, root: &str, tree: &Node) -> Option<Formula> {
        let Tree::Section(members) = &tree.tree else {
            let problem = format_args!("is {}", tree.tree.kind());
            self.add(tree.at, root, problem, format_args!("write a section headed `[{root}]`"));
            return None;
        };
        self.section(&Section { at: tree.at, key: root, members, depth: 0, is_in_or: false }, &mut Vec::new())
    }

    /// `names` is the path of the section.
    fn section(&mut self, section: &Section<'_>, names: &mut Vec<String>) -> Option<Formula> {
        if section.depth == DEPTH_LIMIT {
            let problem = format_args!("lies deeper than {DEPTH_LIMIT} levels");
            self.add(section.at, section.key, problem, "DynamoDB stores no deeper item; shorten the path");
            return None;
        }
        if section.members.is_empty() {
            self.add(section.at, section.key, "is empty", "name a field in it, or delete it");
            return None;
        }
        let mut parts = Vec::with_capacity(section.members.len());
        for (index, member) in section.members.iter().enumerate() {
            let key = join(section.key, &member.key);
            if section.members.iter().take(index).any(|earlier| earlier.key == member.key) {
                self.add(member.at, &key, "is there twice", "join the two");
            } else if member.key == OR {
                self.last_or = Some((member.at, key.clone()));
                parts.push(self.or(section, &key, &member.value, names));
            } else if let Some((problem, remedy)) = message::wrong_member(names, member) {
                self.add(member.at, &key, problem, remedy);
            } else {
                names.push(member.key.clone());
                parts.push(self.member(section, &key, member, names));
                names.pop();
            }
        }
        parts.into_iter().collect::<Option<Vec<_>>>().map(Formula::All)
    }

    fn member(
        &mut self,
        section: &Section<'_>,
        key: &str,
        member: &Member,
        names: &mut Vec<String>,
    ) -> Option<Formula> {
        let value = &member.value;
        let is_operator = OPERATORS.contains(&member.key.as_str());
        match &value.tree {
            Tree::List(_)
                if (is_operator && section.is_in_or) || NO_FIELDS.contains(&member.key.as_str()) =>
            {
                let remedy =
                    format_args!("write it in braces in a field's list: `[{{ {} = … }}]`", member.key);
                self.add(member.at, key, "is an operator where a field's name stands", remedy);
                None
            }
            Tree::List(entries) => self.field(value.at, key, entries, names),
            Tree::Section(members) => {
                let depth = section.depth + 1;
                let is_in_or = section.is_in_or;
                self.section(&Section { at: value.at, key, members, depth, is_in_or }, names)
            }
            other => {
                let kind = other.kind();
                if is_operator {
                    let remedy =
                        format_args!("write it in braces in the field's list: `[{{ {} = … }}]`", member.key);
                    self.add(value.at, key, format_args!("is {kind}, but a field is a list"), remedy);
                } else {
                    self.add(
                        value.at,
                        key,
                        format_args!("is {kind}"),
                        "list the values that it may have, in brackets",
                    );
                }
                None
            }
        }
    }

    fn field(&mut self, at: usize, key: &str, entries: &[Node], names: &[String]) -> Option<Formula> {
        if entries.is_empty() {
            self.add(at, key, "is an empty list, which nothing matches", "list the values that it may have");
            return None;
        }
        let mut conditions = Vec::with_capacity(entries.len());
        for entry in entries {
            let condition = operator::condition(key, entry, &mut self.findings);
            match condition.as_ref().and_then(|condition| message::wrong_entry(names, condition)) {
                Some((problem, remedy)) => self.add(entry.at, key, problem, remedy),
                None => conditions.extend(condition),
            }
        }
        if conditions.len() < entries.len() {
            return None;
        }
        let field = Field { path: Path(names.to_vec()), conditions };
        self.fields.push(FieldDraft { at, key: key.to_owned(), field });
        Some(Formula::One(self.fields.len() - 1))
    }

    fn or(
        &mut self,
        section: &Section<'_>,
        key: &str,
        value: &Node,
        names: &mut Vec<String>,
    ) -> Option<Formula> {
        let Tree::List(entries) = &value.tree else {
            let problem = format_args!("is {}", value.tree.kind());
            self.add(value.at, key, problem, "write a list of sections, of which one must match");
            return None;
        };
        if entries.len() < 2 {
            let problem = format_args!("has {} of the two branches that it needs", entries.len());
            self.add(value.at, key, problem, "add a branch, or write the fields without `$or`");
            return None;
        }
        let mut branches = Vec::with_capacity(entries.len());
        for (index, entry) in entries.iter().enumerate() {
            let key = format!("{key}[{index}]");
            branches.push(match &entry.tree {
                Tree::Section(members) => {
                    let depth = section.depth + 1;
                    self.section(&Section { at: entry.at, key: &key, members, depth, is_in_or: true }, names)
                }
                other => {
                    let problem = format_args!("is {}", other.kind());
                    self.add(entry.at, &key, problem, "write a section in braces, `{ field = [ … ] }`");
                    None
                }
            });
        }
        branches.into_iter().collect::<Option<Vec<_>>>().map(Formula::Any)
    }

    /// What can be wrong with how the fields are joined.
    fn check_alternatives(&mut self, formula: &Formula) {
        let count = formula.count();
        if count > ALTERNATIVES_LIMIT
            && let Some((at, key)) = self.last_or.take()
        {
            let problem = format_args!(
                "makes {count} alternatives, because each branch of an `$or` is combined with each of the others"
            );
            let remedy = format_args!("leave at most {ALTERNATIVES_LIMIT}");
            self.add(at, &key, problem, remedy);
            return;
        }
        self.findings.extend(contradictions(&self.fields, &formula.alternatives()));
    }

    fn add(&mut self, at: usize, key: &str, problem: impl std::fmt::Display, remedy: impl std::fmt::Display) {
        self.findings.push(PatternFinding::new(at, key, problem, remedy));
    }
}
