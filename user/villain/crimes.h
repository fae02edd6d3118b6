// crimes.h: what a daemon may do to its callers. Each runs in a process of its own, which ends with
// 0 if everybody else came off as they should.
#pragma once

// Answers (answers.c)
void never_replies(void);
void replies_twice(void);
void replies_with_foreign_tags(void);
void replies_with_wrong_sizes(void);
void says_malformed_words(void);
void lists_malformed_names(void);
void passes_what_it_has_not(void);
void lets_others_answer(void);
void replies_late(void);

// Buffers (buffers.c)
void replies_with_foreign_page(void);
void keeps_a_borrowed_page(void);
void writes_what_it_may_only_read(void);
void dies_holding_borrows(void);
void dies_and_leaves_the_queue(void);
void dies_before_its_parent(void);
void looks_beyond_the_buffer(void);

// Mappings (mappings.c)
void truncates_while_mapped(void);
void gives_bad_pages(void);
void never_gives_a_page(void);
void dies_with_ten_thousand_faulters(void);
void forgets_what_is_dirty(void);

// Circles (circles.c)
void calls_itself(void);
void calls_in_a_circle(void);
void is_backed_by_itself(void);
void stand_on_each_other(void);
void loses_who_could_help(void);
void waits_for_its_own_turn(void);
void runs_its_own_programs(void);
void calls_back_after_answering(void);
