//! What a column name means: the words that schools use in bokmål, nynorsk and English.
//!
//! Names are compared in lower case, letters and digits alone. A name is a word of [`WORDS`], or such a
//! word with whom it is about before or after it: `Foresatt 1 postnr`, `Postnr foresatt 1`, `Mors namn`.

use unicode_normalization::UnicodeNormalization;

/// Most guardians of a pupil.
pub(super) const GUARDIANS: u8 = 6;

/// What a column holds, about whomever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Matter {
    Key,
    Name,
    FirstName,
    LastName,
    Class,
    BirthDate,
    Consent,
    Protected,
    Locale,
    Line(u8),
    Postcode,
    City,
    Country,
    IdentityNumber,
    /// `Foresatt adresse 2`: of a second guardian, or a second line.
    Unclear,
    /// Something about protection in words that we do not know.
    UnclearProtection,
}

/// Whom a column is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Whom {
    /// The row says no more.
    Row,
    /// The pupil, in so many words.
    Pupil,
    /// The recipient, in so many words, from 1.
    Recipient(u8),
    /// A guardian by number. 1 is also the one without.
    Guardian(u8),
    /// Mother or father, by word and number.
    Kin(&'static str, u8),
}

/// What a column name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Heading {
    pub(super) whom: Whom,
    pub(super) matter: Matter,
}

/// The words, as [`fold`] leaves them.
const WORDS: [(Matter, &str); 16] = [
    (Matter::Key, "nøkkel nykel nokkel id key elevnr elevnummer pupilnumber studentnumber"),
    (Matter::Name, "navn namn name fulltnavn fulltnamn fullname heltnavn heiltnamn"),
    (Matter::FirstName, "fornavn førenamn fornamn firstname givenname"),
    (Matter::LastName, "etternavn etternamn lastname surname familyname"),
    (Matter::Class, "klasse class basisgruppe klassegruppe baseclass"),
    (
        Matter::BirthDate,
        "fødselsdato fødselsdag fødd født fødtdato fodselsdato fodt birthdate birthday dateofbirth born dob",
    ),
    (
        Matter::Consent,
        "samtykke samtykkje consent samtykketilåinformereforesatte samtykketilinformasjontilforesatte \
         samtykketilåinformereføresette samtykketilinformasjontilføresette consenttoinformguardians \
         consenttoinformparents",
    ),
    (
        Matter::Protected,
        "adressesperre sperretadresse sperraadresse skjermetadresse skjermaadresse adresseskjerming \
         hemmeligadresse hemmelegadresse fortroligadresse fortrulegadresse fortrolig fortruleg strengtfortrolig \
         strengtfortruleg strengtfortroligadresse strengtfortrulegadresse kode6 kode7 kode67 kode6eller7 \
         adressebeskyttelse beskyttetadresse adressevern vernaadresse addressprotection protectedaddress \
         protected secretaddress confidentialaddress shieldedaddress",
    ),
    (Matter::Locale, "språk sprak målform brevspråk språkkode språkibrev language locale"),
    (
        Matter::Line(1),
        "adresse adresse1 adresselinje adresselinje1 gateadresse veiadresse vegadresse postadresse bostedsadresse \
         bustadadresse address address1 addressline addressline1 streetaddress line1",
    ),
    (Matter::Line(2), "adresse2 adresselinje2 coadresse co address2 addressline2 line2"),
    (Matter::Line(3), "adresse3 adresselinje3 address3 addressline3 line3"),
    (Matter::Postcode, "postnr postnummer postkode postcode postalcode zip zipcode addresspostcode"),
    (Matter::City, "poststed poststad city town posttown addresscity"),
    (Matter::Country, "land country addresscountry"),
    (Matter::IdentityNumber, "fnr dnr dnummer ssn nin identitetsnummer identitynumber"),
];

/// Within a longer name these already tell that identity numbers stand in the column.
const IDENTITY_NUMBER: &str = "fødselsnummer fødselsnr fodselsnummer fodselsnr personnummer personnr nationalid nationalidentity \
    personalidentity personidentifikator socialsecurity";

/// Within a longer name these tell that the column is about protected addresses, as does every spelling of
/// [`Matter::Protected`]. Such a column is never a merge field: to overlook it would print an address that nobody may see.
const PROTECTION: &str = "sperr skjerm skjult hemmel fortrol fortrul konfidens gradert gradering diskresjon beskytt spesreg \
    protect shielded confidential secret code6 code7";

/// Names with such a word in them that are of other things. They count as that only where no address is spoken of.
const HARMLESS: &str = "skjermtid sperrefrist beskyttelsesutstyr oppgradering oppgradert hemmeligvenn hemmelegven \
    secretary secretaries secretariat";

/// Words for the pupil, longest first.
const PUPIL: &str = "elevens elevane eleven students student barnets barnet pupils childs pupil child elevs elev barn";
const RECIPIENT: &str = "mottakerens mottakarens recipients mottakers mottakars recipient mottaker mottakar";
const GUARDIAN: &str = "foresattes føresettes guardians foreldres forelders foresatte føresette foresatts føresetts guardian forelder \
    foreldre foresatt føresett parents parent verges verge verje";
/// Words for mother and father, longest first, each with the word that stands for the person.
const KIN: [(&str, &str); 10] = [
    ("medmors", "medmor"),
    ("medmor", "medmor"),
    ("mothers", "mor"),
    ("fathers", "far"),
    ("mother", "mor"),
    ("father", "far"),
    ("mors", "mor"),
    ("fars", "far"),
    ("mor", "mor"),
    ("far", "far"),
];

/// Lower case in composed form, letters and digits alone.
pub(super) fn fold(text: &str) -> String {
    text.nfc().flat_map(char::to_lowercase).filter(|c| c.is_alphanumeric()).collect()
}

impl Heading {
    /// The meaning of a column name, if it is one we know.
    pub(super) fn read(name: &str) -> Option<Self> {
        let name = fold(name);
        if IDENTITY_NUMBER.split(' ').any(|word| name.contains(word)) {
            return Some(Self { whom: Whom::Row, matter: Matter::IdentityNumber });
        }
        if let Some((stem, number @ ('1' | '2'))) = last_char(&name)
            && word(stem) == Some(Matter::Name)
        {
            return Some(Self { whom: Whom::Recipient(if number == '1' { 1 } else { 2 }), matter: Matter::Name });
        }
        if let Some(matter) = word(&name) {
            return Some(Self { whom: Whom::Row, matter });
        }
        let whole = |(whom, matter)| Self { whom, matter };
        let known = people().find_map(|(spelling, whom)| about(&name, spelling, whom)).map(whole);
        known.or_else(|| {
            hints_at_protection(&name).then_some(Self { whom: Whom::Row, matter: Matter::UnclearProtection })
        })
    }

    /// Whether a cell is a column name that we know. A hint at protection is none: «Testine Sperre» is a person.
    pub(super) fn is_known(cell: &str) -> bool {
        Self::read(cell).is_some_and(|heading| heading.matter != Matter::UnclearProtection)
    }
}

/// Whether a folded name tells of protected addresses in words that we do not know.
fn hints_at_protection(name: &str) -> bool {
    let hints = |name: &str| PROTECTION.split(' ').chain(protections()).any(|word| name.contains(word));
    let speaks_of_address = ["adress", "address"].iter().any(|word| name.contains(word));
    // A space keeps what stands on both sides apart.
    let rest = HARMLESS.split(' ').fold(name.to_owned(), |rest, word| rest.replace(word, " "));
    hints(if speaks_of_address { name } else { &rest })
}

/// The spellings that say that an address is protected.
fn protections() -> impl Iterator<Item = &'static str> {
    let of_protection = WORDS.iter().filter(|(matter, _)| *matter == Matter::Protected);
    of_protection.flat_map(|(_, spellings)| spellings.split(' '))
}

/// Whether a name is a part of an address with a number from 2 on, as `Gateadresse 2` or `2. postnr`, be it of a recipient. It may
/// be the second person's, or one more line. `Adresselinje 2` is a line.
pub(super) fn is_numbered_address(name: &str) -> bool {
    let name = fold(name);
    let name =
        RECIPIENT.split(' ').find(|word| name.contains(word)).map_or(name.clone(), |word| name.replace(word, ""));
    let (leading, rest) = leading_number(&name);
    let numbered = if leading.is_some() { Some((rest, leading)) } else { trailing_number(&name) };
    let of_address =
        |stem| matches!(word(stem), Some(Matter::Line(1) | Matter::Postcode | Matter::City | Matter::Country));
    numbered.is_some_and(|(stem, number)| {
        number.is_some_and(|number| number != 1)
            && of_address(stem)
            && !stem.ends_with("linje")
            && !stem.ends_with("line")
    })
}

fn word(name: &str) -> Option<Matter> {
    WORDS.iter().find(|(_, spellings)| spellings.split(' ').any(|word| word == name)).map(|(matter, _)| *matter)
}

fn people() -> impl Iterator<Item = (&'static str, fn(&'static str, u8) -> Whom)> {
    let kin: fn(&'static str, u8) -> Whom = |spelling, number| {
        let person = KIN.iter().find(|(known, _)| *known == spelling).map_or(spelling, |(_, person)| person);
        Whom::Kin(person, number)
    };
    let pupil = PUPIL.split(' ').map(|s| (s, (|_, _| Whom::Pupil) as fn(&'static str, u8) -> Whom));
    let recipient = RECIPIENT.split(' ').map(|s| (s, (|_, n| Whom::Recipient(n)) as fn(&'static str, u8) -> Whom));
    let guardian = GUARDIAN.split(' ').map(|s| (s, (|_, n| Whom::Guardian(n)) as fn(&'static str, u8) -> Whom));
    pupil.chain(recipient).chain(guardian).chain(KIN.into_iter().map(move |(s, _)| (s, kin)))
}

/// `name` as a person with a matter after or before it.
fn about(name: &str, spelling: &'static str, whom: fn(&'static str, u8) -> Whom) -> Option<(Whom, Matter)> {
    let readings = [
        // Foresatt 1 postnr; Foresatt 1
        name.strip_prefix(spelling).and_then(|rest| {
            let (number, matter) = leading_number(rest);
            Some((number, if matter.is_empty() { Matter::Name } else { word(matter)? }))
        }),
        // 1. foresatt postnr
        name.strip_prefix(|c: char| c.is_ascii_digit()).and_then(|rest| {
            let matter = rest.strip_prefix(spelling)?;
            let number = name.bytes().next().map(|digit| digit - b'0');
            Some((number, if matter.is_empty() { Matter::Name } else { word(matter)? }))
        }),
        // Postnr foresatt 1
        trailing_number(name).and_then(|(rest, number)| Some((number, word(rest.strip_suffix(spelling)?)?))),
        // Foresatt navn 1
        name.strip_prefix(spelling)
            .and_then(trailing_number)
            .and_then(|(matter, number)| Some((number, number.and(word(matter))?))),
    ];
    let (number, matter) = readings.into_iter().flatten().next()?;
    let whom = whom(spelling, number.unwrap_or(1));
    if let (Whom::Guardian(_), Matter::Line(2 | 3), None) = (whom, matter, number) {
        return Some((whom, Matter::Unclear));
    }
    let numbered = number.is_some();
    match (whom, matter) {
        // `Elev 2`, `Mottaker 3`: nothing of ours.
        (Whom::Pupil, _) if numbered => None,
        (Whom::Recipient(number), _) if !(1..=2).contains(&number) => None,
        // One address for both recipients.
        (Whom::Recipient(2), matter) if !matches!(matter, Matter::Name | Matter::Protected) => None,
        (Whom::Guardian(_) | Whom::Kin(..), Matter::Key | Matter::Class | Matter::BirthDate | Matter::Consent) => None,
        known => Some(known),
    }
}

/// A number at the front and the rest. Numbers beyond a byte count as 0, which no guardian has.
fn leading_number(text: &str) -> (Option<u8>, &str) {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    ((end > 0).then(|| digits.parse().unwrap_or(0)), rest)
}

/// The rest and a number at its end, if it has one. `None`: nothing but a number.
fn trailing_number(text: &str) -> Option<(&str, Option<u8>)> {
    let rest = text.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = &text[rest.len()..];
    (!rest.is_empty()).then(|| (rest, (!digits.is_empty()).then(|| digits.parse().unwrap_or(0))))
}

fn last_char(text: &str) -> Option<(&str, char)> {
    let last = text.chars().next_back()?;
    Some((&text[..text.len() - last.len_utf8()], last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_spellings_of_schools() {
        use Matter::{
            BirthDate, City, Class, Consent, Country, FirstName, IdentityNumber, Key, LastName, Line, Locale,
        };
        use Matter::{Name, Postcode, Protected};
        use Whom::{Guardian, Kin, Pupil, Recipient, Row};
        let cases = [
            (Row, Key, "Nøkkel|ID|elevnr|Elevnummer|key|Nøkkel|Elev nr."),
            (Pupil, Key, "Elev-ID|Pupil ID|pupil_key|Elevens nøkkel"),
            (Recipient(1), Key, "recipient_key|Mottakernøkkel"),
            (Row, FirstName, "Fornavn|FØRENAMN|First name|first_name"),
            (Pupil, FirstName, "Elev fornavn|Elevens fornavn|Elevs førenamn|pupil_first_name|Fornavn (elev)"),
            (Row, Name, "Navn|Namn|Name|Fullt navn"),
            (Pupil, Name, "Elev|Elevens navn|Elevnavn|Elevnamn|Pupil|Pupil's name|Navn elev"),
            (Recipient(1), Name, "Mottaker|Mottakar|Recipient|Navn 1|Namn 1|navn_1|Mottaker 1|Mottakers navn"),
            (Recipient(2), Name, "Navn 2|Mottakar 2|Recipient 2 name|name2"),
            (Row, LastName, "Etternavn|Etternamn|Surname"),
            (Row, Class, "Klasse|Class|Basisgruppe"),
            (Pupil, Class, "Elevens klasse"),
            (Row, BirthDate, "Fødselsdato|Født|Fødd|Birth date|date_of_birth"),
            (Row, Consent, "Samtykke|Consent"),
            (Pupil, Consent, "Elevens samtykke"),
            (
                Row,
                Protected,
                "Adressesperre|Sperret adresse|Sperra adresse|Skjermet adresse|Skjerma adresse|Hemmelig adresse",
            ),
            (
                Row,
                Protected,
                "Fortrolig adresse|Strengt fortrolig|Kode 6|KODE-7|Kode 6/7|Protected address|Adressebeskyttelse",
            ),
            (Row, Locale, "Språk|Målform|Language|locale"),
            (Row, Line(1), "Adresse|Gateadresse|Adresse 1|Address|address_line_1"),
            (Row, Line(2), "Adresse 2|C/O-adresse|c/o"),
            (Row, Line(3), "Adresse 3"),
            (Row, Postcode, "Postnr|Post-nr.|Postnummer|Postcode|Zip code"),
            (Row, City, "Poststed|Poststad|City|Post town"),
            (Row, Country, "Land|Country"),
            (Pupil, Line(1), "Elevens adresse|Elev adresse"),
            (Recipient(1), Postcode, "Mottaker postnr"),
            (
                Guardian(1),
                Name,
                "Foresatt|Foresatt 1|Foresatt 1 navn|Navn foresatt 1|Føresett 1 namn|Forelder 1|guardian_1_name|1. foresatt|Foresatt navn 1|Parent 1|Foresatte",
            ),
            (Guardian(2), Name, "Foresatt 2|Foresattes navn 2|Verge 2|foresatt2navn|2. føresett namn"),
            (Guardian(1), FirstName, "Foresatt 1 fornavn|Fornavn foresatt 1"),
            (
                Guardian(2),
                Line(1),
                "Foresatt 2 adresse|Adresse foresatt 2|Foresatt 2 adresse 1|guardian_2_address_line_1",
            ),
            (Guardian(2), Line(2), "Foresatt 2 adresse 2|Adresse 2 foresatt 2"),
            (Guardian(1), Matter::Unclear, "Foresatt adresse 2|Parents' address 3"),
            (
                Row,
                Matter::UnclearProtection,
                "Adressesperre (ja/nei)|Skjermet|Sperret|Hemmelig|Diskresjonskode|Gradering|Har sperret adresse|Skjult adresse|Mottaker 3 skjermet adresse",
            ),
            (Recipient(2), Protected, "Mottaker 2 skjermet adresse"),
            (Pupil, Protected, "Elevens adressesperre"),
            (Guardian(3), Postcode, "Foresatt 3 postnr|Postnr. foresatt 3|Parent 3 postcode"),
            (Guardian(1), Protected, "Foresatt 1 skjermet adresse|Adressesperre foresatt 1"),
            (Guardian(6), Locale, "Føresett 6 språk"),
            (Guardian(7), Name, "Foresatt 7"),
            (Guardian(0), Name, "Foresatt 0|Foresatt 999"),
            (Kin("mor", 1), Name, "Mor|Mors navn|Mother"),
            (Kin("far", 1), City, "Far poststed|Fars poststad|Father's city"),
            (Kin("mor", 2), Name, "Mor 2"),
            (
                Row,
                IdentityNumber,
                "Fødselsnummer|Fnr|Fnr.|Personnummer|National ID|Fødselsnr (11 siffer)|Elevens fødselsnummer|Foresatt 1 personnr|D-nummer",
            ),
            (Guardian(1), IdentityNumber, "Foresatt 1 fnr|Fnr foresatt 1"),
            (Kin("mor", 1), IdentityNumber, "Mors fnr"),
            (Pupil, IdentityNumber, "Elev fnr"),
        ];
        for (whom, matter, names) in cases {
            for name in names.split('|') {
                assert_eq!(Heading::read(name), Some(Heading { whom, matter }), "{name}");
            }
        }
    }

    #[test]
    fn leaves_other_names_to_the_letter() {
        let names = "Oppmøtested|Sted|By|Nr|Pris|Foresatt 1 mobil|Foresatt 1 e-post|Morsmål|Farge|Barnehage|Elev 2|Mottaker 3|\
            Foresatt 1 klasse|Elevråd|Bygning|Landsdel|Norge|5A|Klasse 5A|Testine Prøvesen|Foresatt 1 samtykke||12|Navn 3";
        for name in names.split('|') {
            assert_eq!(Heading::read(name), None, "{name}");
        }
    }

    #[test]
    fn refuses_every_spelling_of_protection_with_more_around_it() {
        let unclear = Some(Heading { whom: Whom::Row, matter: Matter::UnclearProtection });
        for spelling in protections() {
            for name in [format!("{spelling}janei"), format!("har{spelling}"), format!("{spelling} (y/n)")] {
                assert_eq!(Heading::read(&name), unclear, "{name}");
            }
        }
        let names = "Adressevern (ja/nei)|Address protection (yes/no)|Shielded address (y/n)|Gradert adresse|Code 6|Spesreg|\
            Konfidensiell adresse|Foresatt 1 adressevern ja/nei|Skjermet for hemmelig venn|Hemmelig venns adresse|\
            Adressegradering og oppgradering|Secret area|Protected by secretary|Sperrefrist for adresse";
        for name in names.split('|') {
            assert_eq!(Heading::read(name), unclear, "{name}");
            assert!(!Heading::is_known(name), "{name}");
        }
    }

    #[test]
    fn leaves_what_only_sounds_like_protection_to_the_letter() {
        let names = "Secretary|Secretary's name|Skjermtid|Skjermtid (timer)|Sperrefrist|Beskyttelsesutstyr|Oppgradering|\
            Hemmelig venn|Hemmeleg ven";
        for name in names.split('|') {
            assert_eq!(Heading::read(name), None, "{name}");
        }
    }

    #[test]
    fn knows_an_address_by_its_number() {
        for name in "Adresse 2|Gateadresse 2|Postadresse (2)|2. adresse|Postnr 2|Poststed 3|Mottaker 2 adresse|\
            Adresse mottaker 2|Mottakers adresse 2|Street address 2"
            .split('|')
        {
            assert!(is_numbered_address(name), "{name}");
        }
        for name in
            "Adresse|Adresse 1|Adresselinje 2|Address line 2|C/O-adresse|Navn 2|Mottaker 2|Foresatt 2 adresse|2|Rom 2"
                .split('|')
        {
            assert!(!is_numbered_address(name), "{name}");
        }
    }

    #[test]
    fn keeps_each_word_once_and_folded() {
        let mut all: Vec<&str> = WORDS.iter().flat_map(|(_, words)| words.split(' ')).collect();
        all.extend(PROTECTION.split(' ').chain(HARMLESS.split(' ')));
        assert!(all.iter().all(|word| fold(word) == *word));
        all.sort_unstable();
        let count = all.len();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
