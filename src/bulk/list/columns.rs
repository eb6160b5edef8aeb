//! What each column of a list is for: settled once, by the header alone.

use std::collections::BTreeMap;

use super::heading::{GUARDIANS, Heading, Matter, Whom, is_numbered_address};
use super::pointer::pointers;
use super::{ListFault, MAX_COLUMNS};

/// Most characters of a column name that are repeated.
const SHOWN: usize = 80;

/// The columns of one person.
#[derive(Debug, Default)]
pub(super) struct Person {
    pub(super) name: Option<usize>,
    pub(super) first_name: Option<usize>,
    pub(super) last_name: Option<usize>,
    pub(super) address: Address,
    pub(super) locale: Option<usize>,
    /// Protected if any of them says so.
    pub(super) protected: Vec<usize>,
    /// Whether the address is the row's, for want of columns of any guardian's.
    pub(super) shares_address: bool,
}

/// The columns of one address.
#[derive(Debug, Default, Clone)]
pub(super) struct Address {
    pub(super) lines: [Option<usize>; 3],
    pub(super) postcode: Option<usize>,
    pub(super) city: Option<usize>,
    pub(super) country: Option<usize>,
}

impl Address {
    fn is_absent(&self) -> bool {
        self.lines.iter().chain([&self.postcode, &self.city, &self.country]).all(Option::is_none)
    }
}

/// The columns of an entry, by number from 0.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) key: Option<usize>,
    /// The pupil, or the (first) recipient.
    pub(super) own: Person,
    /// Name of the second recipient.
    pub(super) second: Option<usize>,
    /// `pupil_first_name` of a plain recipient.
    pub(super) pupil: Option<usize>,
    pub(super) class: Option<usize>,
    pub(super) birth_date: Option<usize>,
    pub(super) consent: Option<usize>,
    pub(super) guardians: Vec<Person>,
    /// Identifier of each merge field.
    pub(super) fields: Vec<(String, usize)>,
}

/// The columns of a list.
#[derive(Debug)]
pub struct Columns {
    headers: Vec<String>,
    of_pupils: bool,
    pub(super) plan: Plan,
    pointers: BTreeMap<String, usize>,
}

impl Columns {
    /// Whether rows are pupils with guardians. Else they are plain recipients.
    #[must_use]
    pub fn is_of_pupils(&self) -> bool {
        self.of_pupils
    }

    /// The name of the column that a member of an entry comes from: of `/guardians/0/address/postcode`
    /// perhaps `Foresatt 1 postnr`. For an object or a list it is the first of its columns.
    ///
    /// `guardians` and `names` are counted as in a row that has them all; [`super::Row::header_of`]
    /// counts as in its own row.
    #[must_use]
    pub fn header_of(&self, pointer: &str) -> Option<&str> {
        let within = || {
            let start = format!("{pointer}/");
            self.pointers.iter().filter(|(known, _)| known.starts_with(&start)).map(|(_, column)| column).min()
        };
        self.pointers.get(pointer).or_else(within).map(|&column| self.header(column))
    }

    /// The merge fields of the list, each by its identifier in letters and by the name of its column.
    #[cfg(test)]
    pub(super) fn merge_fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.plan.fields.iter().map(|(identifier, column)| (identifier.as_str(), self.header(*column)))
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.headers.len()
    }

    /// Whether any column is about protected addresses, whoever's.
    pub(super) fn tell_protection(&self) -> bool {
        let mut people = self.plan.guardians.iter().chain([&self.plan.own]);
        people.any(|person| !person.protected.is_empty())
    }

    /// As it is shown to the caller.
    pub(super) fn header(&self, column: usize) -> &str {
        self.headers.get(column).map_or("", String::as_str)
    }

    /// Whether a row may be a header: some of its cells are column names, and none looks like an
    /// e-mail address or a number of six digits.
    pub(super) fn begin_in(cells: &[impl AsRef<str>]) -> bool {
        let data = |cell: &str| cell.contains('@') || cell.split(|c: char| !c.is_ascii_digit()).any(|n| n.len() > 5);
        cells.iter().any(|cell| Heading::is_known(cell.as_ref())) && !cells.iter().any(|cell| data(cell.as_ref()))
    }

    /// Settles the columns of a header. `filled` tells which columns have anything under it.
    ///
    /// # Errors
    /// Every fault of the header.
    pub(super) fn settle(cells: &[impl AsRef<str>], filled: &[bool]) -> Result<Self, Vec<ListFault>> {
        let headers: Vec<String> = cells.iter().map(|cell| shown(cell.as_ref())).collect();
        let readings: Vec<_> = cells.iter().map(|cell| Heading::read(cell.as_ref())).collect();
        let mut sorting = Sorting { headers: &headers, facts: Facts::of(&readings), ..Sorting::default() };
        for (column, reading) in readings.iter().enumerate() {
            sorting.take(column, *reading, filled);
        }
        for column in headers.len()..filled.len().min(MAX_COLUMNS) {
            sorting.take(column, None, filled);
        }
        let of_pupils = sorting.facts.of_pupils;
        let plan = sorting.plan()?;
        let pointers = pointers(&plan, of_pupils);
        Ok(Self { headers, of_pupils, plan, pointers })
    }
}

/// What the header as a whole decides about its columns.
#[derive(Debug, Default)]
struct Facts {
    of_pupils: bool,
    /// Some column has full names of those whom the list is of.
    named: bool,
    /// Whom first and last names make a full name of, where no column has it.
    composed: Option<Whom>,
}

impl Facts {
    fn of(readings: &[Option<Heading>]) -> Self {
        let has = |whom: Whom, matter: Matter| readings.contains(&Some(Heading { whom, matter }));
        let of_pupils = readings.iter().flatten().any(|heading| {
            matches!(heading.whom, Whom::Guardian(_) | Whom::Kin(..))
                || matches!(heading.matter, Matter::BirthDate | Matter::Consent)
        });
        let named =
            has(Whom::Row, Matter::Name) || has(if of_pupils { Whom::Pupil } else { Whom::Recipient(1) }, Matter::Name);
        let composable = |whom: Whom| has(whom, Matter::FirstName) && has(whom, Matter::LastName);
        let nameless = !named && (of_pupils || !has(Whom::Pupil, Matter::Name));
        let candidates: &[Whom] =
            if of_pupils { &[Whom::Row, Whom::Pupil] } else { &[Whom::Row, Whom::Recipient(1), Whom::Pupil] };
        let composed = candidates.iter().copied().find(|whom| composable(*whom)).filter(|_| nameless);
        Self { of_pupils, named, composed }
    }

    /// Whose the column is and what of theirs, or `None` for a merge field.
    fn place(&self, heading: Heading) -> Option<(Party, Matter)> {
        let Heading { whom, matter } = heading;
        let own = match (whom, matter) {
            (Whom::Guardian(_) | Whom::Kin(..), _) => return Some((Party::Guardian(whom), matter)),
            // Protection, whomever it is about, is never left to the letter.
            (_, Matter::IdentityNumber | Matter::Key | Matter::Protected | Matter::UnclearProtection)
            | (Whom::Row | Whom::Pupil, Matter::Class) => true,
            _ if self.of_pupils => match matter {
                Matter::LastName => self.composed == Some(whom),
                _ => matches!(whom, Whom::Row | Whom::Pupil),
            },
            (Whom::Recipient(2), _) => return Some((Party::Second, matter)),
            (_, Matter::FirstName | Matter::LastName) if self.composed == Some(whom) => true,
            (Whom::Row | Whom::Pupil, Matter::FirstName) => return Some((Party::Pupil, matter)),
            (_, Matter::FirstName | Matter::LastName) => false,
            // The pupil's name and address are the recipient's only where nobody else is named.
            (Whom::Pupil, _) => !self.named && matches!(self.composed, None | Some(Whom::Pupil)),
            _ => true,
        };
        own.then_some((Party::Own, matter))
    }
}

/// Of whom an entry tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Party {
    Own,
    Second,
    /// The pupil of a plain recipient.
    Pupil,
    Guardian(Whom),
}

/// Columns on their way to a plan.
#[derive(Default)]
struct Sorting<'h> {
    headers: &'h [String],
    facts: Facts,
    places: BTreeMap<(Party, Matter), usize>,
    /// Columns about protection, of which somebody may have several.
    protected: BTreeMap<Party, Vec<usize>>,
    fields: Vec<(String, usize)>,
    /// Guardians in the order of their first columns.
    guardians: Vec<(Whom, usize)>,
    faults: Vec<ListFault>,
}

impl Sorting<'_> {
    fn header(&self, column: usize) -> String {
        self.headers.get(column).cloned().unwrap_or_default()
    }

    fn take(&mut self, column: usize, reading: Option<Heading>, filled: &[bool]) {
        let header = self.header(column);
        if header.is_empty() {
            if filled.get(column) == Some(&true) {
                self.faults.push(ListFault::NoName { column: letters(column) });
            }
            return;
        }
        match reading.and_then(|heading| self.facts.place(heading)) {
            Some((_, Matter::IdentityNumber)) => self.faults.push(ListFault::IdentityNumber { header }),
            Some((_, Matter::UnclearProtection)) => self.faults.push(ListFault::UnclearProtection { header }),
            Some((_, Matter::Unclear)) => self.faults.push(ListFault::Unclear { header }),
            Some((Party::Guardian(Whom::Guardian(number)), _)) if !(1..=GUARDIANS).contains(&number) => {
                self.faults.push(ListFault::TooManyGuardians { header });
            }
            Some(place) => self.put(column, place),
            None => self.field(column, header),
        }
    }

    fn put(&mut self, column: usize, place: (Party, Matter)) {
        if place.1 == Matter::Protected {
            self.protected.entry(place.0).or_default().push(column);
        } else if let Some(first) = self.places.get(&place) {
            let (first, second) = (self.header(*first), self.header(column));
            self.faults.push(ListFault::SameMeaning { first, second });
            return;
        } else {
            self.places.insert(place, column);
        }
        if let (Party::Guardian(whom), _) = place
            && !self.guardians.iter().any(|(known, _)| *known == whom)
        {
            self.guardians.push((whom, column));
        }
    }

    fn field(&mut self, column: usize, header: String) {
        let identifier = identifier(&header);
        if identifier.is_empty() {
            self.faults.push(ListFault::NoIdentifier { column: letters(column) });
        } else if let Some((_, first)) = self.fields.iter().find(|(known, _)| *known == identifier) {
            let first = self.header(*first);
            self.faults.push(ListFault::SameField { first, second: header, identifier });
        } else {
            self.fields.push((identifier, column));
        }
    }

    fn person(&self, party: Party) -> Person {
        let column = |matter| self.places.get(&(party, matter)).copied();
        Person {
            name: column(Matter::Name),
            first_name: column(Matter::FirstName),
            last_name: column(Matter::LastName),
            address: Address {
                lines: [1, 2, 3].map(|line| column(Matter::Line(line))),
                postcode: column(Matter::Postcode),
                city: column(Matter::City),
                country: column(Matter::Country),
            },
            locale: column(Matter::Locale),
            protected: self.protected.get(&party).cloned().unwrap_or_default(),
            shares_address: false,
        }
    }

    fn plan(mut self) -> Result<Plan, Vec<ListFault>> {
        self.guardians.sort_by_key(|(whom, column)| match whom {
            Whom::Guardian(number) => usize::from(*number),
            _ => *column,
        });
        let own = self.person(Party::Own);
        let column = |party, matter| self.places.get(&(party, matter)).copied();
        let mut guardians: Vec<Person> =
            self.guardians.iter().map(|(whom, _)| self.person(Party::Guardian(*whom))).collect();
        let mut plan = Plan {
            key: column(Party::Own, Matter::Key),
            second: column(Party::Second, Matter::Name),
            pupil: column(Party::Pupil, Matter::FirstName),
            class: column(Party::Own, Matter::Class),
            birth_date: column(Party::Own, Matter::BirthDate),
            consent: column(Party::Own, Matter::Consent),
            ..Plan::default()
        };
        if !self.facts.of_pupils && self.facts.composed == Some(Whom::Pupil) {
            plan.pupil = own.first_name;
        }
        self.examine(&plan, &own, &guardians);
        if !self.faults.is_empty() {
            return Err(self.faults);
        }
        share(&own, &mut guardians);
        for guardian in &mut guardians {
            let alone = guardian.first_name.xor(guardian.last_name);
            guardian.name = guardian.name.or(alone);
        }
        Ok(Plan { own, guardians, fields: self.fields, ..plan })
    }

    /// Faults that show only when all columns are seen.
    fn examine(&mut self, plan: &Plan, own: &Person, guardians: &[Person]) {
        let first = |numbered: bool| {
            let of_kind = |(whom, _): &&(Whom, usize)| matches!(whom, Whom::Guardian(_)) == numbered;
            self.guardians.iter().find(of_kind).map(|(_, column)| self.header(*column))
        };
        let mut faults = Vec::new();
        if let (Some(numbered), Some(kin)) = (first(true), first(false)) {
            faults.push(ListFault::MixedGuardians { numbered, kin });
        }
        for ((_, column), person) in self.guardians.iter().zip(guardians) {
            if !person.is_named() {
                faults.push(ListFault::NamelessGuardian { header: self.header(*column) });
            }
        }
        let shared = guardians.len() > 1 && guardians.iter().all(|guardian| guardian.address.is_absent());
        let two = !self.facts.of_pupils && plan.second.is_some();
        // `Adresse 2` beside two people may be the second one's, or a second line.
        if shared || two {
            let unclear = |header: &&String| is_numbered_address(header) && (shared || !self.continues(own, header));
            let unclear = self.headers.iter().filter(unclear);
            faults.extend(unclear.map(|header| ListFault::Unclear { header: header.clone() }));
        }
        if !self.facts.of_pupils && !own.is_named() && plan.second.is_none() {
            faults.push(ListFault::NoNames);
        }
        self.faults.append(&mut faults);
    }

    /// Whether a column is a further line of an address whose first has no number: `Adresse 2` goes on with `Adresse`, not with
    /// `Adresse 1`.
    fn continues(&self, own: &Person, header: &str) -> bool {
        let [first, further @ ..] = own.address.lines;
        let begins_unnumbered = first.is_some_and(|column| !self.header(column).contains('1'));
        begins_unnumbered && further.into_iter().flatten().any(|column| self.header(column) == header)
    }
}

impl Person {
    /// The column of the full name, or the first of the two that make it up.
    pub(super) fn full_name(&self) -> Option<usize> {
        self.name.or(self.last_name.and(self.first_name))
    }

    fn is_named(&self) -> bool {
        self.name.or(self.first_name).or(self.last_name).is_some()
    }
}

/// Gives guardians what the row says for all of them: the address where no guardian has columns for
/// one, and the protection of it to each who has no column for that.
fn share(own: &Person, guardians: &mut [Person]) {
    let addressed = guardians.iter().any(|guardian| !guardian.address.is_absent());
    for guardian in guardians {
        if !addressed {
            guardian.address = own.address.clone();
            guardian.shares_address = true;
        }
        if guardian.protected.is_empty() {
            guardian.protected.clone_from(&own.protected);
        }
    }
}

/// A header as it is shown: on one line, and not too long.
fn shown(header: &str) -> String {
    let words: Vec<&str> =
        header.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
    words.join(" ").chars().take(SHOWN).collect()
}

/// The name of a merge field: lower case, `_` for whatever is neither letter nor digit.
fn identifier(header: &str) -> String {
    use unicode_normalization::UnicodeNormalization;
    let lower: String = header.nfc().flat_map(char::to_lowercase).collect();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.join("_")
}

/// `A`, `B`, ... `Z`, `AA`, as a spreadsheet names its columns.
fn letters(column: usize) -> String {
    let letter = |number: usize| char::from(b'A' + u8::try_from(number % 26).unwrap_or(0));
    if column < 26 { letter(column).into() } else { [letter(column / 26 - 1), letter(column)].iter().collect() }
}
