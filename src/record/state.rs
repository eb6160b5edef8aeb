//! The states of a version, and the one table of steps between them.

/// Where a version is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// It is being written.
    Draft,
    /// It is frozen: its document is made, once and for all.
    Final,
    /// It is being signed.
    Signing,
    /// All have signed.
    Signed,
    /// One of the signers has declined.
    Declined,
    /// Not all had signed when the time was over.
    Expired,
    /// A newer version has come as far.
    Superseded,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Draft, Self::Final, Self::Signing, Self::Signed, Self::Declined, Self::Expired, Self::Superseded];

    /// The name, as the store and callers have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Final => "final",
            Self::Signing => "signing",
            Self::Signed => "signed",
            Self::Declined => "declined",
            Self::Expired => "expired",
            Self::Superseded => "superseded",
        }
    }

    /// The state of a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// What older versions are to be in when one has come to this state, to be superseded by it.
    #[must_use]
    pub fn supersedes(self) -> &'static [Self] {
        match self {
            Self::Draft => &[Self::Draft],
            Self::Final => &[Self::Final, Self::Declined, Self::Expired],
            Self::Signed => &[Self::Final, Self::Declined, Self::Expired, Self::Signed],
            _ => &[],
        }
    }

    /// Where a step leads from here; nothing when it is not allowed.
    #[must_use]
    pub fn after(self, step: Step) -> Option<Self> {
        TABLE.into_iter().find(|(from, by, _)| (*from, *by) == (self, step)).map(|(_, _, to)| to)
    }

    /// The steps that a caller can take from here.
    #[must_use]
    pub fn steps(self) -> Vec<Step> {
        Step::OF_CALLERS.into_iter().filter(|step| self.after(*step).is_some()).collect()
    }
}

/// What happens to the newest version of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// A new version is put beside it, as a draft.
    Replace,
    /// Its document is made.
    Finalise,
    /// Its signers are named.
    StartSigning,
    /// A signer signs. With the last one all have signed.
    Sign,
    /// A file that was signed elsewhere is handed in.
    HandIn,
    /// A signer declines.
    Decline,
    /// Signing is called off before anybody has signed.
    Withdraw,
    /// The time to sign is over.
    Expire,
}

impl Step {
    /// Those that callers take.
    pub const OF_CALLERS: [Self; 7] =
        [Self::Replace, Self::Finalise, Self::StartSigning, Self::Sign, Self::HandIn, Self::Decline, Self::Withdraw];

    /// The name, as callers have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Replace => "replace",
            Self::Finalise => "finalise",
            Self::StartSigning => "start_signing",
            Self::Sign => "sign",
            Self::HandIn => "hand_in",
            Self::Decline => "decline",
            Self::Withdraw => "withdraw",
            Self::Expire => "expire",
        }
    }
}

/// From, by, to. Beside these a version is superseded (see [`State::supersedes`]). Replacing leaves all but a draft as it is: what was final or
/// signed counts until the new version has come as far.
const TABLE: [(State, Step, State); 13] = [
    (State::Draft, Step::Replace, State::Superseded),
    (State::Draft, Step::Finalise, State::Final),
    (State::Final, Step::Replace, State::Final),
    (State::Final, Step::StartSigning, State::Signing),
    (State::Final, Step::HandIn, State::Signed),
    (State::Signing, Step::Sign, State::Signed),
    (State::Signing, Step::HandIn, State::Signed),
    (State::Signing, Step::Decline, State::Declined),
    (State::Signing, Step::Withdraw, State::Final),
    (State::Signing, Step::Expire, State::Expired),
    (State::Signed, Step::Replace, State::Signed),
    (State::Declined, Step::Replace, State::Declined),
    (State::Expired, Step::Replace, State::Expired),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        for state in State::ALL {
            assert_eq!(State::parse(state.name()), Some(state));
        }
        assert_eq!(State::parse("Draft"), None);
    }

    #[test]
    fn each_state_has_its_steps_and_no_others() {
        let cases: [(State, &[&str]); 7] = [
            (State::Draft, &["replace", "finalise"]),
            (State::Final, &["replace", "start_signing", "hand_in"]),
            (State::Signing, &["sign", "hand_in", "decline", "withdraw"]),
            (State::Signed, &["replace"]),
            (State::Declined, &["replace"]),
            (State::Expired, &["replace"]),
            (State::Superseded, &[]),
        ];
        for (state, expected) in cases {
            let found: Vec<_> = state.steps().into_iter().map(Step::name).collect();
            assert_eq!(found, expected, "{state:?}");
        }
    }

    #[test]
    fn nothing_leaves_the_end_and_nothing_is_signed_that_was_not_frozen() {
        assert!(TABLE.iter().all(|(from, ..)| *from != State::Superseded));
        assert!(TABLE.iter().all(|(from, _, to)| *to != State::Signed || *from != State::Draft));
        assert_eq!(State::Draft.after(Step::StartSigning), None);
        assert_eq!(State::Signing.after(Step::Replace), None, "what is being signed is not changed meanwhile");
        assert!(!State::Signed.supersedes().contains(&State::Signing));
    }
}
