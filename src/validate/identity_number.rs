//! Finding national identity numbers in free text. They are only ever looked for, never read:
//! nothing is derived from one.

/// Whether a text holds what passes for a Norwegian national identity number.
///
/// Eleven digits, alone or with one space, hyphen or full stop after the sixth, whose date is
/// possible (D-numbers: day + 40; H-numbers: month + 40; synthetic: month + 65 or + 80) and whose
/// check digits fit (Skatteetaten, «Fødselsnummer»). From 1 January 2032 the first check may leave
/// a remainder of 0 to 3 («Nytt fødselsnummer 2032»); all are looked for already.
pub(super) fn is_within(text: &str) -> bool {
    let bytes = text.as_bytes();
    (0..bytes.len()).any(|start| {
        let begins = bytes[start].is_ascii_digit() && (start == 0 || !bytes[start - 1].is_ascii_digit());
        begins && eleven_digits(&bytes[start..]).is_some_and(|digits| passes(&digits))
    })
}

fn eleven_digits(bytes: &[u8]) -> Option<[u32; 11]> {
    let mut digits = [0; 11];
    let mut found = 0;
    for (position, &byte) in bytes.iter().enumerate() {
        match byte {
            b'0'..=b'9' if found < 11 => {
                digits[found] = u32::from(byte - b'0');
                found += 1;
            }
            b'0'..=b'9' => return None,
            b' ' | b'-' | b'.' if found == 6 && position == 6 => {}
            // A no-break space is two bytes in UTF-8.
            0xC2 | 0xA0 if found == 6 && position <= 7 => {}
            _ => break,
        }
    }
    (found == 11).then_some(digits)
}

fn passes(digits: &[u32; 11]) -> bool {
    const K1: [u32; 10] = [3, 7, 6, 1, 8, 9, 4, 5, 2, 1];
    const K2: [u32; 11] = [5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1];
    let day = digits[0] * 10 + digits[1];
    let month = digits[2] * 10 + digits[3];
    let possible_day = (1..=31).contains(&day) || (41..=71).contains(&day);
    let possible_month = [0, 40, 65, 80].iter().any(|shift| (shift + 1..=shift + 12).contains(&month));
    let sum = |weights: &[u32]| weights.iter().zip(digits).map(|(w, d)| w * d).sum::<u32>() % 11;
    possible_day && possible_month && sum(&K1) <= 3 && sum(&K2) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers made for this test: synthetic months (+80), so that none can be a person's.
    fn synthetic(date: &str) -> String {
        (10_000..99_999)
            .map(|serial| format!("{date}{serial}"))
            .find(|number| {
                let digits: Vec<u32> = number.bytes().map(|b| u32::from(b - b'0')).collect();
                let sum = |w: &[u32]| w.iter().zip(&digits).map(|(w, d)| w * d).sum::<u32>() % 11;
                sum(&[3, 7, 6, 1, 8, 9, 4, 5, 2, 1]) == 0 && sum(&[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]) == 0
            })
            .expect("some serial number has both check digits")
    }

    #[test]
    fn finds_one_in_running_text() {
        let number = synthetic("018110");
        let (date, rest) = number.split_at(6);
        for text in [
            number.clone(),
            format!("Elevens nummer er {number}."),
            format!("{date} {rest}"),
            format!("{date}\u{a0}{rest}"),
            format!("{date}-{rest}"),
            format!("fnr:{date}.{rest}, takk"),
        ] {
            assert!(is_within(&text), "{text}");
        }
    }

    #[test]
    fn finds_d_and_h_numbers() {
        assert!(is_within(&synthetic("418110")));
        assert!(is_within(&synthetic("014110")));
    }

    #[test]
    fn leaves_other_numbers_alone() {
        let number = synthetic("018110");
        let wrong = format!("{}{}", &number[..10], (number.as_bytes()[10] - b'0' + 1) % 10);
        for text in [
            wrong.as_str(),
            "974588145",
            "22 00 00 00",
            "2026/2027",
            "99999999999",
            &format!("1{number}"),
            &format!("{number}1"),
            "",
            "åøæ 1",
        ] {
            assert!(!is_within(text), "{text}");
        }
    }
}
