//! Settings belong to the operator: what becomes of a settings file when a new version brings another default.

/// What becomes of a settings file. Three texts decide: the default that was installed before (base), the file as it is
/// (mine), and the new default (theirs).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingsFate {
    /// The file is not there and never was: it is made.
    Create,
    /// The file is the old default: it becomes the new one.
    Replace,
    /// The file is the new default already.
    Same,
    /// The operator has edited or removed it, and the default is as before: nothing is done.
    Keep,
    /// The operator has edited or removed it, and the default is another: the new default is put aside.
    KeepAndShow,
}

/// Decides from base, mine (none: no such file; `Some(None)`: something of another kind) and theirs.
pub fn fate<T: PartialEq>(base: Option<&T>, mine: Option<Option<&T>>, theirs: &T) -> SettingsFate {
    match (base, mine) {
        (None, None) => SettingsFate::Create,
        (_, Some(Some(mine))) if mine == theirs => SettingsFate::Same,
        (Some(base), Some(Some(mine))) if mine == base => SettingsFate::Replace,
        (Some(base), _) if base == theirs => SettingsFate::Keep,
        _ => SettingsFate::KeepAndShow,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edited_file_is_never_replaced() {
        let (base, theirs, edited) = (&1, &2, &3);
        for (was, mine, new, expected) in [
            (None, None, theirs, SettingsFate::Create),
            (None, Some(Some(theirs)), theirs, SettingsFate::Same),
            (None, Some(Some(edited)), theirs, SettingsFate::KeepAndShow),
            (None, Some(None), theirs, SettingsFate::KeepAndShow),
            (Some(base), Some(Some(base)), theirs, SettingsFate::Replace),
            (Some(base), Some(Some(base)), base, SettingsFate::Same),
            (Some(base), Some(Some(theirs)), theirs, SettingsFate::Same),
            (Some(base), Some(Some(edited)), theirs, SettingsFate::KeepAndShow),
            (Some(base), Some(Some(edited)), base, SettingsFate::Keep),
            (Some(base), None, theirs, SettingsFate::KeepAndShow),
            (Some(base), None, base, SettingsFate::Keep),
            (Some(base), Some(None), base, SettingsFate::Keep),
        ] {
            assert_eq!(fate(was, mine, new), expected, "{was:?} {mine:?} {new:?}");
        }
    }
}
