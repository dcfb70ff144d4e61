//! Grammars as masks over a vocabulary, by llguidance.

use llguidance::api::TopLevelGrammar;
use llguidance::earley::SlicedBiasComputer;
use llguidance::toktrie::{InferenceCapabilities, TokEnv, TokRxInfo, TokTrie, TokenId, TokenizerEnv};
use llguidance::{Matcher, ParserFactory};
use std::sync::Arc;

/// Compiling recurses along chains of rules: room for the longest that the size of a text allows.
const COMPILER_STACK: usize = 256 << 20;
/// A state takes 1 to 2 kB.
const MAX_LEXER_STATES: usize = 50_000;

/// Writes at most `capacity` tokens of a text and returns how many it has. Called by any thread.
pub type Tokenize = extern "C" fn(
    tokenizer: *const std::ffi::c_void,
    text: *const u8,
    size: usize,
    tokens: *mut u32,
    capacity: usize,
) -> usize;

struct Environment {
    trie: TokTrie,
    tokenize: Tokenize,
    tokenizer: *const std::ffi::c_void,
}

// SAFETY: the caller promises that `tokenize` may be called by several threads at once.
unsafe impl Send for Environment {}
unsafe impl Sync for Environment {}

impl Environment {
    fn encode(&self, text: &str) -> Vec<TokenId> {
        let mut tokens = vec![0; text.len() + 1];
        let n = (self.tokenize)(
            self.tokenizer,
            text.as_ptr(),
            text.len(),
            tokens.as_mut_ptr(),
            tokens.len(),
        );
        if n > tokens.len() {
            return self.trie.greedy_tokenize(text.as_bytes());
        }
        tokens.truncate(n);
        tokens
    }
}

impl TokenizerEnv for Environment {
    fn tok_trie(&self) -> &TokTrie {
        &self.trie
    }
    fn tokenize_bytes(&self, text: &[u8]) -> Vec<TokenId> {
        self.trie.tokenize_with_greedy_fallback(text, |part| self.encode(part))
    }
}

pub struct Vocabulary {
    factory: Arc<ParserFactory>,
}

impl Vocabulary {
    /// `tokens`: the bytes of each; those of control tokens begin with 0xFF. `stop` is not empty.
    pub fn new(
        tokens: &[Vec<u8>],
        stop: &[u32],
        tokenize: Tokenize,
        tokenizer: *const std::ffi::c_void,
    ) -> Result<Self, String> {
        let n = u32::try_from(tokens.len()).map_err(|_| "too many tokens")?;
        let end = *stop.first().ok_or("no token ends a text")?;
        if stop.iter().any(|&t| t >= n) {
            return Err("a stop token is not in the vocabulary".into());
        }
        let trie = TokTrie::from(&TokRxInfo::new(n, end), tokens).with_eos_tokens(stop);
        let env: TokEnv = Arc::new(Environment { trie, tokenize, tokenizer });
        let slices = SlicedBiasComputer::general_slices();
        let mut factory = ParserFactory::new(&env, InferenceCapabilities::default(), &slices)
            .map_err(|e| e.to_string())?;
        factory.quiet();
        factory.limits_mut().verbose_errors = false;
        factory.limits_mut().max_lexer_states = MAX_LEXER_STATES;
        Ok(Vocabulary { factory: Arc::new(factory) })
    }

    /// `kind`: "json_schema", "regex" or "lark".
    pub fn compile(&self, kind: &str, text: &str) -> Result<Matcher, String> {
        let factory = self.factory.clone();
        let (kind, text) = (kind.to_string(), text.to_string());
        let compile = move || -> Result<Matcher, String> {
            let grammar =
                TopLevelGrammar::from_tagged_str(&kind, &text).map_err(|e| e.to_string())?;
            let mut matcher = Matcher::new(factory.create_parser(grammar));
            match matcher.get_error() {
                Some(error) => Err(error),
                // What no text can satisfy shows in the first mask.
                None => matcher.compute_mask_or_eos().map_err(|e| e.to_string()).map(|_| matcher),
            }
        };
        std::thread::Builder::new()
            .stack_size(COMPILER_STACK)
            .spawn(compile)
            .map_err(|e| e.to_string())?
            .join()
            .unwrap_or_else(|_| Err("internal error".into()))
    }
}

/// One bit a token, ascending from the lowest bit of the first word. Words beyond the vocabulary
/// become 0.
pub fn mask(matcher: &mut Matcher, out: &mut [u32]) -> Result<(), String> {
    let allowed = matcher.compute_mask_or_eos().map_err(|e| e.to_string())?;
    let words = allowed.as_slice();
    let n = words.len().min(out.len());
    out[..n].copy_from_slice(&words[..n]);
    out[n..].fill(0);
    Ok(())
}
