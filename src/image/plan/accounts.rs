//! Users and groups: `/etc/passwd` and `/etc/group`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use medic_model::Manifest;
use medic_model::image::ImageDefinition;
use medic_model::package::User;

use super::PlanError;

/// Who nobody is, everywhere on Linux.
const NOBODY: u32 = 65_534;

/// Every user of an image, by number. A user's group has its name and number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Accounts(BTreeMap<u32, Account>);

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
        let mut accounts = Self(BTreeMap::new());
        accounts.add("root", 0, "every image")?;
        accounts.add("nobody", NOBODY, "every image")?;
        for manifest in chosen {
            accounts.add_all(&manifest.users, &format!("the package '{}'", manifest.name))?;
        }
        accounts.add_all(&definition.users, &format!("the image '{}'", definition.name))?;
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
        let clash = self.0.iter().find(|(other, known)| (**other == id) != (known.name == name));
        if let Some((other, known)) = clash {
            return Err(PlanError::Users { first: known.words(*other), second: account.words(id) });
        }
        self.0.entry(id).or_insert(account);
        Ok(())
    }

    fn check_services(&self, manifest: &Manifest) -> Result<(), PlanError> {
        let known =
            |user: &str| user.parse::<u32>().is_ok() || self.0.values().any(|known| known.name == user);
        for (name, service) in &manifest.services {
            let names = [&service.user, &service.group];
            if let Some(user) = names.into_iter().flatten().find(|user| !known(user)) {
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
        self.0.iter().fold(String::new(), |mut text, (id, account)| {
            let (home, shell) = if *id == 0 { ("/root", "/bin/sh") } else { ("/", "/bin/false") };
            let _ = writeln!(text, "{name}:x:{id}:{id}:{name}:{home}:{shell}", name = account.name);
            text
        })
    }

    /// group(5).
    pub(super) fn group(&self) -> String {
        self.0.iter().fold(String::new(), |mut text, (id, account)| {
            let _ = writeln!(text, "{}:x:{id}:", account.name);
            text
        })
    }
}
