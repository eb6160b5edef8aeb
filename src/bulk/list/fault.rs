//! What is wrong with a list. Names of columns are repeated, as a header holds nobody's data; what
//! stands in a cell never is.

use super::heading::GUARDIANS;
use super::{MAX_BYTES, MAX_COLUMNS, MAX_ROWS, MAX_UNPACKED};

const MIB: u64 = 1024 * 1024;

/// Why a whole list is refused. Columns are named by their headers, or by letter where they have none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListFault {
    /// Neither text nor a workbook.
    #[error("neither a CSV text nor an XLSX workbook")]
    NotAList,
    /// A workbook of Excel 97, or one with a password: both are OLE files.
    #[error("an old `.xls` workbook, or one with a password")]
    OldOrLocked,
    /// A workbook that cannot be read.
    #[error("the workbook is damaged")]
    Damaged,
    /// Text that is of no encoding we read, or of two.
    #[error("the text is neither UTF-8, UTF-16 with a byte-order mark, nor Windows-1252")]
    Encoding,
    /// `sep=` with another character than those we split at.
    #[error("the line `sep=` names another separator than comma, semicolon or tab")]
    Separator,
    /// More than [`MAX_BYTES`], packed or as text.
    #[error("more than {} MiB", MAX_BYTES as u64 / MIB)]
    TooLarge,
    /// A workbook whose parts hold more than [`MAX_UNPACKED`].
    #[error("the workbook unpacks to more than {} MiB, or one of its parts to more than that part may", MAX_UNPACKED / MIB)]
    TooLargeUnpacked,
    /// More than [`MAX_ROWS`].
    #[error("more than {MAX_ROWS} rows")]
    TooManyRows,
    /// More than [`MAX_COLUMNS`].
    #[error("more than {MAX_COLUMNS} columns")]
    TooManyColumns,
    /// The first row with anything in it has no column name that we know. Nothing of it is repeated,
    /// since it may well be somebody's row.
    #[error("row {row} is not a row of column names")]
    NoHeader {
        /// Its number.
        row: usize,
    },
    /// A header, and nothing under it.
    #[error("no rows")]
    NoRows,
    /// A quotation mark without its other half: where rows end after it cannot be told.
    #[error("a quotation mark that opens in row {row} is not closed as it should be")]
    Quotation {
        /// The row.
        row: usize,
    },
    /// Cells with something in them under an empty header.
    #[error("column {column} has cells but no name")]
    NoName {
        /// Its letter in a spreadsheet.
        column: String,
    },
    /// A name with neither letters nor digits, which gives no merge field.
    #[error("the name of column {column} has neither letters nor digits")]
    NoIdentifier {
        /// Its letter in a spreadsheet.
        column: String,
    },
    /// Two columns for the same thing.
    #[error("columns `{first}` and `{second}` mean the same")]
    SameMeaning {
        /// The one to the left.
        first: String,
        /// The one to the right.
        second: String,
    },
    /// Two unknown columns that would be the same merge field.
    #[error("columns `{first}` and `{second}` would both be the merge field `{identifier}`")]
    SameField {
        /// The one to the left.
        first: String,
        /// The one to the right.
        second: String,
        /// Of the merge field.
        identifier: String,
    },
    /// National identity numbers. No document needs them.
    #[error("column `{header}` is for national identity numbers, which no document needs")]
    IdentityNumber {
        /// The column.
        header: String,
    },
    /// Guardians both by number and as mother and father: which of them are the same cannot be told.
    #[error("guardians stand both by number (`{numbered}`) and as mother and father (`{kin}`)")]
    MixedGuardians {
        /// The first of the columns with a number.
        numbered: String,
        /// The first of the others.
        kin: String,
    },
    /// A guardian beyond the sixth, or without a place among them.
    #[error("column `{header}` is of another guardian than 1 to {GUARDIANS}")]
    TooManyGuardians {
        /// The column.
        header: String,
    },
    /// `Foresatt adresse 2`, or `Adresse 2` beside two people: the second one's address, or a second line of the first's.
    #[error("column `{header}` may be another person's or another line")]
    Unclear {
        /// The column.
        header: String,
    },
    /// A column about protected addresses whose name we do not know.
    #[error("column `{header}` seems to be about protected addresses")]
    UnclearProtection {
        /// The column.
        header: String,
    },
    /// Columns of a guardian who has no column for the name.
    #[error("column `{header}` is of a guardian who has no name column")]
    NamelessGuardian {
        /// The first column of that guardian.
        header: String,
    },
    /// A list of plain recipients without names.
    #[error("no column has names")]
    NoNames,
}

impl ListFault {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotAList | Self::OldOrLocked | Self::Damaged => {
                "open it in a spreadsheet and save it as `.xlsx` without a password"
            }
            Self::Encoding => "save it as CSV UTF-8 or as `.xlsx`",
            Self::Separator => "write `sep=;`, or leave the line out",
            Self::TooLarge | Self::TooManyRows => "divide it into several lists",
            Self::TooLargeUnpacked => "copy the cells into a new workbook, or save it as CSV UTF-8",
            Self::TooManyColumns => "remove columns that the letter does not use",
            Self::NoHeader { .. } => {
                "let the first row hold column names such as `Navn` and `Adresse`, without a title above"
            }
            Self::NoRows => "write one row for each pupil or recipient under the header",
            Self::Quotation { .. } => "save it from a spreadsheet, or write a quotation mark within quotes twice",
            Self::NoName { .. } | Self::NoIdentifier { .. } => "name the column, or empty it",
            Self::SameMeaning { .. } | Self::SameField { .. } => "rename or remove one of them",
            Self::IdentityNumber { .. } => "remove the column; use a number of the school's own as key",
            Self::MixedGuardians { .. } => "keep one of the two ways",
            Self::TooManyGuardians { .. } => "number guardians from 1, and remove those beyond",
            Self::Unclear { .. } => {
                "number the guardian, as in `Foresatt 2 adresse` or `Foresatt 1 adresse 2`; a second line for all is `Adresselinje 2`; recipients at two addresses are two rows"
            }
            Self::UnclearProtection { .. } => {
                "name it `Adressesperre`, with «ja» or «nei» in its cells, or remove it; if it is of something else, give it another name"
            }
            Self::NamelessGuardian { .. } => "add a column such as `Foresatt 1 navn`",
            Self::NoNames => "add a column `Navn`, or the columns `Fornavn` and `Etternavn`",
        }
    }
}

/// Why one row gives no entry. The other rows do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RowFault {
    /// Something stands to the right of the last column that has a header.
    #[error("more cells than the header has columns ({columns})")]
    TooManyCells {
        /// How many the header has.
        columns: usize,
    },
    /// A cell in which the spreadsheet shows an error, like `#N/A`.
    #[error("an error of the spreadsheet in column `{header}`")]
    Formula {
        /// The column.
        header: String,
    },
}
