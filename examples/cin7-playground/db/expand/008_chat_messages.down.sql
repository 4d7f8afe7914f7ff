DROP TABLE public.chat_messages;
