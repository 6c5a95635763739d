//! Users and groups: `/etc/passwd` and `/etc/group`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use medic_model::Manifest;
use medic_model::image::{Group, ImageDefinition};
use medic_model::package::User;

use super::PlanError;

/// Who nobody is, everywhere on Linux.
const NOBODY: u32 = 65_534;

/// Every user and group of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Accounts {
    /// By number. A user's group has its name and number.
    users: BTreeMap<u32, Account>,
    /// Groups that no user has, by number.
    groups: BTreeMap<u32, Group>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Account {
    name: String,
    declared_by: String,
}

impl Account {
    fn words(&self, id: u32) -> String {
        format!("the user '{}' with the number {id} (of {})", self.name, self.declared_by)
    }
}

impl Accounts {
    /// `root`, `nobody`, the packages' users and the image's own.
    pub(super) fn new(definition: &ImageDefinition, chosen: &[&Manifest]) -> Result<Self, PlanError> {
        let mut accounts = Self { users: BTreeMap::new(), groups: BTreeMap::new() };
        accounts.add("root", 0, "every image")?;
        accounts.add("nobody", NOBODY, "every image")?;
        for manifest in chosen {
            accounts.add_all(&manifest.users, &format!("the package '{}'", manifest.name))?;
        }
        accounts.add_all(&definition.users, &format!("the image '{}'", definition.name))?;
        definition.groups.iter().try_for_each(|group| accounts.add_group(group, definition))?;
        chosen.iter().try_for_each(|manifest| accounts.check_services(manifest))?;
        Ok(accounts)
    }

    fn add_all(&mut self, users: &[User], declared_by: &str) -> Result<(), PlanError> {
        for user in users {
            if !(1..NOBODY).contains(&user.id) {
                let account = Account { name: user.name.to_string(), declared_by: declared_by.to_owned() };
                return Err(PlanError::UserId { user: account.words(user.id) });
            }
            self.add(user.name.as_str(), user.id, declared_by)?;
        }
        Ok(())
    }

    /// The same name with the same number may be declared by several: they share it.
    fn add(&mut self, name: &str, id: u32, declared_by: &str) -> Result<(), PlanError> {
        let account = Account { name: name.to_owned(), declared_by: declared_by.to_owned() };
        let clash = self.users.iter().find(|(other, known)| (**other == id) != (known.name == name));
        if let Some((other, known)) = clash {
            return Err(PlanError::Users { first: known.words(*other), second: account.words(id) });
        }
        self.users.entry(id).or_insert(account);
        Ok(())
    }

    /// A group has a name and a number that neither a user nor another group has, and members that are users.
    fn add_group(&mut self, group: &Group, definition: &ImageDefinition) -> Result<(), PlanError> {
        let Group { name, id, members } = group;
        let words = |name: &str, id: u32| {
            format!("the group '{name}' with the number {id} (of the image '{}')", definition.name)
        };
        if !(1..NOBODY).contains(id) {
            return Err(PlanError::UserId { user: words(name.as_str(), *id) });
        }
        let user = self.users.iter().find(|(other, known)| *other == id || known.name == name.as_str());
        let group_too = self.groups.values().find(|other| other.id == *id || other.name == *name);
        let clash = user.map(|(other, known)| known.words(*other));
        if let Some(first) = clash.or_else(|| group_too.map(|other| words(other.name.as_str(), other.id))) {
            return Err(PlanError::Users { first, second: words(name.as_str(), *id) });
        }
        let known = |member: &str| self.users.values().any(|known| known.name == member);
        if let Some(member) = members.iter().find(|member| !known(member.as_str())) {
            return Err(PlanError::UnknownMember { group: name.to_string(), user: member.to_string() });
        }
        self.groups.insert(*id, group.clone());
        Ok(())
    }

    fn check_services(&self, manifest: &Manifest) -> Result<(), PlanError> {
        let user =
            |name: &str| name.parse::<u32>().is_ok() || self.users.values().any(|known| known.name == name);
        let group = |name: &str| user(name) || self.groups.values().any(|known| known.name.as_str() == name);
        for (name, service) in &manifest.services {
            let unknown_user = service.user.as_ref().filter(|name| !user(name));
            if let Some(user) = unknown_user.or_else(|| service.group.as_ref().filter(|name| !group(name))) {
                return Err(PlanError::UnknownUser {
                    package: manifest.name.clone(),
                    service: name.to_string(),
                    user: user.clone(),
                });
            }
        }
        Ok(())
    }

    /// passwd(5). No passwords: nobody logs in.
    pub(super) fn passwd(&self) -> String {
        self.users.iter().fold(String::new(), |mut text, (id, account)| {
            let (home, shell) = if *id == 0 { ("/root", "/bin/sh") } else { ("/", "/bin/false") };
            let _ = writeln!(text, "{name}:x:{id}:{id}:{name}:{home}:{shell}", name = account.name);
            text
        })
    }

    /// group(5).
    pub(super) fn group(&self) -> String {
        let of_users = self.users.iter().map(|(id, account)| (*id, account.name.as_str(), String::new()));
        let of_others = self.groups.iter().map(|(id, group)| {
            let members = group.members.iter().map(|member| member.as_str()).collect::<Vec<_>>();
            (*id, group.name.as_str(), members.join(","))
        });
        let all: BTreeMap<u32, (&str, String)> =
            of_users.chain(of_others).map(|(id, name, members)| (id, (name, members))).collect();
        all.into_iter().fold(String::new(), |mut text, (id, (name, members))| {
            let _ = writeln!(text, "{name}:x:{id}:{members}");
            text
        })
    }
}
