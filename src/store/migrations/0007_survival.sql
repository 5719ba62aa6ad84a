-- What becomes of a subscriber's calls when a voice process dies, or its channel is cut.
alter table subscriber add column voice_loss text not null default 'move' check (voice_loss in ('move', 'end'));
alter table subscriber add column channel_loss text not null default 'end' check (channel_loss in ('end', 'trunk'));
