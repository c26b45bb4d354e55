//! Damage: bytes and words that change, move, repeat and go missing, and numbers that grow.

/// A small generator of numbers; the same on every machine.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2545_f491_4f6c_dd1d);
        random.next();
        random
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`, which is at least 1.
    pub fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n as u64).unwrap()
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// A part of `len` bytes: where it begins and ends.
    fn part(&mut self, len: usize) -> (usize, usize) {
        let at = self.below(len + 1);
        let most = if self.below(4) == 0 { len - at } else { (len - at).min(16) };
        (at, at + self.below(most + 1))
    }
}

/// Values that break things.
const NUMBERS: [u64; 12] = [
    0,
    1,
    2,
    0x7f,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0xffff_ffff_ffff_fff0,
    0xffff_ffff_ffff_ffff,
];

/// A damaged copy: one to four things happen to it.
pub fn damaged(random: &mut Random, seed: &[u8]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..1 + random.below(4) {
        damage(random, &mut bytes);
    }
    bytes
}

fn damage(random: &mut Random, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        bytes.push(random.next().to_le_bytes()[0]);
        return;
    }
    let at = random.below(bytes.len());
    match random.below(9) {
        0 => bytes[at] ^= 1 << random.below(8),
        1 => bytes[at] = random.next().to_le_bytes()[0],
        2 => bytes.truncate(at),
        3 => {
            let (from, to) = random.part(bytes.len());
            bytes.drain(from..to);
        }
        4 => {
            let (from, to) = random.part(bytes.len());
            let copy = bytes[from..to].to_vec();
            bytes.splice(at..at, copy);
        }
        5 | 6 => {
            // A number of two, four or eight bytes, in either order.
            let value = *random.pick(&NUMBERS);
            let width = 2 << random.below(3);
            let mut number = value.to_le_bytes()[..width].to_vec();
            if random.below(2) == 0 {
                number.reverse();
            }
            for (place, byte) in bytes[at..].iter_mut().zip(number) {
                *place = byte;
            }
        }
        7 => {
            let (from, to) = random.part(bytes.len());
            let value = random.next().to_le_bytes()[0];
            bytes[from..to].fill(value);
        }
        _ => {
            let extra = random.below(64);
            let value = random.next().to_le_bytes()[0];
            bytes.splice(at..at, std::iter::repeat_n(value, extra));
        }
    }
}

/// A damaged text, still one: words of it and of `dictionary` change places, numbers change, brackets pile up.
pub fn rewritten(random: &mut Random, seed: &str, dictionary: &[&str]) -> String {
    let mut words = words(seed);
    for _ in 0..1 + random.below(5) {
        let at = random.below(words.len() + 1);
        match random.below(8) {
            0 => words.insert(at, (*random.pick(dictionary)).to_owned()),
            1 if at < words.len() => words[at] = (*random.pick(dictionary)).to_owned(),
            2 if at < words.len() => drop(words.remove(at)),
            3 if at < words.len() => {
                let other = random.below(words.len());
                words.swap(at, other);
            }
            4 => {
                let (from, to) = random.part(words.len());
                let copy = words[from..to].to_vec();
                words.splice(at..at, copy);
            }
            5 => words.insert(at, random.pick(&NUMBERS).to_string()),
            6 if at < words.len() && words[at].parse::<f64>().is_ok() => words[at] = random.pick(&NUMBERS).to_string(),
            _ => {
                let word = (*random.pick(&["(", "[", "-", "{", ")", "]", "**", "\u{e9}", ":"])).to_owned();
                words.splice(at..at, std::iter::repeat_n(word, 1 + random.below(40)));
            }
        }
    }
    words.concat()
}

/// Runs of letters and digits, and everything else by itself.
fn words(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut inside = false;
    for c in text.chars() {
        let word = c.is_alphanumeric() || c == '_' || c == '.';
        match out.last_mut() {
            Some(last) if word && inside => last.push(c),
            _ => out.push(c.to_string()),
        }
        inside = word;
    }
    out
}
