//! Work that is shared among the cores, its results in the order of the input. What the work is, is the
//! caller's affair.

use std::thread;

/// How many cores there are.
pub(crate) fn count() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// `work` done on each of `items`, in equal shares on all cores; on this thread alone where a core would
/// get fewer than `worthwhile` of them.
///
/// # Errors
/// The first in the order of the items.
pub(crate) fn share<T: Sync, U: Send, E: Send>(
    items: &[T],
    worthwhile: usize,
    work: impl Fn(&T) -> Result<U, E> + Sync,
) -> Result<Vec<U>, E> {
    let threads = count().min(items.len() / worthwhile.max(1));
    if threads <= 1 {
        return items.iter().map(work).collect();
    }
    let work = &work;
    let done = |share: &[T]| -> Result<Vec<U>, E> { share.iter().map(work).collect() };
    let (own, others) = items.split_at(items.len() / threads);
    let shares: Vec<Result<Vec<U>, E>> = thread::scope(|scope| {
        let others = others.chunks(others.len().div_ceil(threads - 1));
        let running: Vec<_> = others.map(|share| scope.spawn(move || done(share))).collect();
        let joined = running
            .into_iter()
            .map(|thread| thread.join().expect("what is shared does not panic"));
        std::iter::once(done(own)).chain(joined).collect()
    });
    let mut all = Vec::with_capacity(items.len());
    for share in shares {
        all.extend(share?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_and_the_first_error_come_in_the_order_of_the_input() {
        let items: Vec<u32> = (0..1000).collect();
        let doubled = share(&items, 1, |item| Ok::<_, ()>(item * 2)).unwrap();
        assert!(doubled.iter().zip(&items).all(|(two, one)| *two == one * 2));
        let odd = share(
            &items,
            1,
            |item| if item % 400 == 399 { Err(*item) } else { Ok(()) },
        );
        assert_eq!(odd, Err(399));
        assert_eq!(share(&[], 1, |_: &u32| Ok::<u32, ()>(0)), Ok(Vec::new()));
    }
}
